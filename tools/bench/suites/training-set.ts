import { join } from 'node:path';
import { applyFlightFeatures, makeTrainingSet } from '../flight-features.ts';
import { bareDuckDb, FLIGHTS, publishFlights } from '../flights.ts';
import { peakRssMib } from '../memory.ts';
import { startPlatform } from '../running-platform.ts';
import type { Suite } from '../suite.ts';

/**
 * Labels of flights with the windowed features of their two airports (4 windows each), point in time, as Parquet. The
 * platform is started anew after the load, so that its peak of memory is that of the join (not in a smoke run).
 */
const trainingSet: Suite = async (bench) => {
  const cut = join(bench.directory, 'cut.parquet');
  if (bench.isQuick)
    await bareDuckDb(`COPY (FROM '${FLIGHTS}' WHERE date < '2001-01-10') TO '${cut}' (FORMAT parquet)`);
  const loader = await startPlatform(bench);
  await publishFlights(loader.client, 'flights', [bench.isQuick ? cut : FLIGHTS]);
  await applyFlightFeatures(loader.client, ['origin', 'destination']);
  if (!bench.isQuick) await loader.stop();

  const { client, pid, stop } = bench.isQuick ? loader : await startPlatform(bench);
  bench.progress('joining');
  const begin = performance.now();
  const made = await makeTrainingSet(client, '2001-01-01', bench.isQuick ? '2001-01-10' : '2001-04-02');
  const seconds = (performance.now() - begin) / 1000;
  const rows = Number(made.table?.rows ?? 0);
  if (rows < (bench.isQuick ? 50_000 : 1_450_000)) throw new Error(`The training set has ${rows} rows only.`);
  const work = `${(rows / 1e6).toFixed(2)} M labels × 2 windowed views, point in time`;
  bench.report({ work, subject: 'millrace', metric: 'time', value: seconds, unit: 's', target: { below: 10 } });
  const peak = await peakRssMib(pid);
  const subject = 'millrace, all services';
  bench.report({ work, subject, metric: 'peak RSS', value: peak, unit: 'MiB', target: { below: 2048 } });
  await stop();
};
export default trainingSet;
