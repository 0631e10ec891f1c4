/**
 * A worker in a process of its own, to be paused and killed: claims a job of kind `work`, saves a checkpoint, says `ready`,
 * and tries to commit when it is told `go`. Prints what became of the commit.
 */
import { once } from 'node:events';
import { isAppError } from '@millrace/kernel';
import { openDatabase } from '@millrace/postgres';
import { nullLogger } from '@millrace/telemetry';
import { trace } from '@opentelemetry/api';
import { startJobRunner } from '../src/index.ts';

const [url = '', schema = ''] = process.argv.slice(2);
const database = openDatabase({ url, schema, applicationName: 'worker process' });
await startJobRunner({
  database,
  service: 'test',
  leaseMs: 300,
  logger: nullLogger,
  telemetry: { tracer: trace.getTracer('test') },
  kinds: {
    work: {
      handler: async (job) => {
        await job.saveCheckpoint({ step: 3 });
        process.stdout.write('ready\n');
        await once(process.stdin, 'data');
        const outcome = await job
          .commit((tx) => tx.execute(`insert into effect values ($1, 'child')`, [job.id]))
          .then(() => 'committed')
          .catch((error) => (isAppError(error) ? error.reason : String(error)));
        process.stdout.write(`${outcome}\n`);
      },
    },
  },
});
