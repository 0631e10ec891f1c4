import { join } from 'node:path';
import { untilEnded } from '@millrace/client';
import { Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { bareDuckDb, createFlights, FLIGHTS, loadFlights, W } from '../flights.ts';
import { peakRssMib } from '../memory.ts';
import { startPlatform } from '../running-platform.ts';
import { statesOf } from '../states-of.ts';
import type { Suite } from '../suite.ts';
import { countsSql, expectations, failingRowsSql } from './flight-rules.ts';

const CONTRACT = `${W}/dataContracts/flights`;

/**
 * One candidate of flights judged by 12 rules: verdict, counts, every bad row in a Parquet file, the profile, and the
 * version published. The platform is started anew after the load, so that its peak of memory is that of the judging
 * (not in a smoke run).
 */
const validate: Suite = async (bench) => {
  const rows = bench.isQuick ? 100_000 : 3_000_000;
  const flights = bench.isQuick ? join(bench.directory, 'cut.parquet') : FLIGHTS;
  if (bench.isQuick) await bareDuckDb(`COPY (FROM '${FLIGHTS}' LIMIT ${rows}) TO '${flights}' (FORMAT parquet)`);
  const loader = await startPlatform(bench);
  await createFlights(loader.client, 'flights', { paths: [flights] });
  const { datasetVersion } = await loadFlights(loader.client, 'flights');
  if (!bench.isQuick) await loader.stop();

  const { client, pid, stop } = bench.isQuick ? loader : await startPlatform(bench);
  const { validation } = client;
  await validation.createDataContract({
    dataContract: { name: CONTRACT, dataset: `${W}/datasets/flights`, expectations },
  });
  const before = await peakRssMib(pid);
  bench.progress('judging');
  const begin = performance.now();
  const { validationRun } = await validation.createValidationRun({ parent: W, datasetVersion, dataContract: CONTRACT });
  const { result } = await untilEnded(
    statesOf(validation.watchValidationRun({ name: validationRun!.name }), (r) => r.validationRun),
  );
  const seconds = (performance.now() - begin) / 1000;
  if (result?.verdict !== Verdict.PUBLISH || Number(result.evaluatedRows) !== rows || !result.brokenRows)
    throw new Error(`The version was not judged as expected: ${result?.rejection || `${result?.evaluatedRows} rows`}`);
  const work = `${rows / 1e6} M flights × 12 rules, profile, all bad rows`;
  bench.report({ work, subject: 'millrace', metric: 'time', value: seconds, unit: 's', target: { below: 4 } });
  const peak = await peakRssMib(pid);
  const subject = 'millrace, all services';
  bench.report({ work, subject, metric: 'peak RSS', value: peak, unit: 'MiB', target: { below: 700 } });
  bench.report({ work, subject, metric: 'RSS before', value: before, unit: 'MiB' });
  await stop();

  bench.progress('hand-written SQL');
  const counts = await bareDuckDb(countsSql(flights));
  const failing = await bareDuckDb(
    `COPY (${failingRowsSql(flights)}) TO '${join(bench.directory, 'failing.parquet')}' (FORMAT parquet, COMPRESSION zstd)`,
  );
  const floor = { subject: 'hand-written SQL, no profile', metric: 'time', unit: 's' };
  bench.report({ work: 'counts alone', ...floor, value: counts });
  bench.report({ work: 'bad rows alone', ...floor, value: failing });
};
export default validate;
