import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOf, withChildren } from '../memory.ts';
import { startPlatform } from '../running-platform.ts';
import type { Suite } from '../suite.ts';

/** Memory of `millrace up` on an empty data directory with its PostgreSQL, some time after the start. */
const idle: Suite = async (bench) => {
  const platform = await startPlatform(bench);
  const seconds = bench.isQuick ? 1 : 10;
  bench.progress(`waiting ${seconds} s`);
  await sleep(seconds * 1000);
  const both = await memoryOf([platform.pid, ...(await withChildren(platform.postgresPid))]);
  const services = await memoryOf([platform.pid]);
  const work = `nine services in one process + PostgreSQL, ${seconds} s after the start`;
  const common = { work, unit: 'MiB' };
  bench.report({ ...common, subject: 'millrace', metric: 'RSS', value: both.rssMib, target: { below: 450 } });
  bench.report({ ...common, subject: 'millrace', metric: 'PSS', value: both.pssMib });
  bench.report({ ...common, subject: 'of it the services', metric: 'RSS', value: services.rssMib });
  bench.report({ ...common, subject: 'of it the services', metric: 'PSS', value: services.pssMib });
  bench.report({ ...common, subject: 'PostgreSQL', metric: 'processes', value: both.processes - 1, unit: 'processes' });
  await platform.stop();
};
export default idle;
