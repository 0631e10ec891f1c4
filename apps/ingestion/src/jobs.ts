import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { JobRunner } from '@millrace/jobs';
import { startJobRunner } from '@millrace/jobs';
import type { IngestionDeps } from './deps.ts';
import { emitFinished } from './load/commit.ts';
import { runLoad } from './load/load.ts';
import type { LoadPayload } from './load/plan.ts';
import { findRun } from './store/runs.ts';

/** The kind of a load's job. */
export const LOAD_KIND = 'ingest';

/** Starts working on loads. */
export function startLoads(deps: IngestionDeps): Promise<JobRunner> {
  return startJobRunner({
    database: deps.database,
    service: 'ingestion',
    leaseMs: deps.config.leaseMs,
    logger: deps.logger,
    telemetry: deps.telemetry,
    kinds: {
      [LOAD_KIND]: {
        concurrency: deps.config.loadsMax,
        handler: (ctx) => runLoad(deps, ctx),
        onFailed: async (tx, { payload, state }) => {
          const { run } = payload as LoadPayload;
          const row = await findRun(tx, run);
          if (!row || row.isFinished) return;
          await emitFinished(tx, { ingestionRun: run, dataset: row.dataset, state: JobState[state] });
        },
      },
    },
  });
}
