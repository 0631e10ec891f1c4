import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PredictionsLoggedSchema } from '@millrace/contracts/millrace/serving/v1/serving_events';
import { decodeEvent, eventsMigrations } from '@millrace/events';
import type { Digest } from '@millrace/kernel';
import { migrate } from '@millrace/postgres';
import { waitFor } from '@millrace/testing';
import { columnRequest, ENDPOINT, fitModel, floatsOf, rawRequest, startRig } from './rig.ts';

let rig: Awaited<ReturnType<typeof startRig>>;
beforeAll(async () => {
  rig = await startRig({ log: { flushRows: 50, flushIntervalMs: 60_000, bufferRowsMax: 400 } });
  await rig.createEndpoint();
  await rig.deploy(await rig.register(1, (await fitModel(1)).exportOnnx()));
});
afterAll(() => rig?.stop());

/** All logged rows, read by DuckDB. */
async function logged(): Promise<Record<string, unknown>[]> {
  const { files } = await rig.serving.listPredictionLogFiles({ parent: ENDPOINT });
  const paths = await Promise.all(files.map(({ digest }) => rig.platform.platform.blobs.localPath(digest as Digest)));
  return rig.platform.platform.tables.withConnection((connection) =>
    connection.rows(
      `select *, typeof(event_time) t, typeof(origin__rate) r from read_parquet([${paths.map((p) => `'${p}'`).join()}]) order by prediction_id`,
    ),
  );
}

test('a prediction is logged with its inputs, its answer and the event time of the request', async () => {
  const answer = await rig.inference.modelInfer({
    ...columnRequest([500, 30], ['JFK', 'XXX'], ['2001-04-01T10:00:00.123456Z', '2001-04-02']),
    id: 'both',
  });
  await rig.inference.modelInfer({ ...rawRequest([1], [''], [0.5]), id: 'raw' });
  await rig.inference.modelInfer({
    ...rawRequest([1], ['JFK'], [0.5]),
    id: 'secret',
    parameters: { log: { parameterChoice: { case: 'boolParam', value: false } } },
  });
  expect(await rig.serving.flushPredictionLog({ endpoint: ENDPOINT })).toMatchObject({ rows: 3n });
  const rows = await logged();
  expect(rows.map((row) => row.prediction_id)).toEqual(['both/0', 'both/1', 'raw']);
  const probabilities = answer.outputs[0]!.contents!.fp32Contents;
  expect(rows[0]).toMatchObject({
    distance: 500,
    origin: 'JFK',
    origin__rate: 0.25,
    model_version: expect.stringMatching(/versions\/1$/),
    prediction: probabilities[0],
    t: 'TIMESTAMP',
    r: 'FLOAT',
  });
  expect(rows[0]!.event_time).toEqual(new Date('2001-04-01T10:00:00.123Z'));
  expect(rows[1]).toMatchObject({ origin: 'XXX', origin__rate: null, prediction: probabilities[1] });
  expect(rows[2]).toMatchObject({ origin: null, origin__rate: 0.5 });
  expect(Number(rows[0]!.latency_us)).toBeGreaterThan(0);
});

test('files are written by size, listed by window, and told as events', async () => {
  const database = rig.platform.platform.database('watcher');
  await migrate(database, [eventsMigrations]);
  const seen: bigint[] = [];
  const consumer = await rig.platform.platform.bus.consume({
    name: 'watcher.log',
    database,
    subjects: ['millrace.serving.v1.predictions.logged'],
    handler: async (event) => void seen.push(decodeEvent(PredictionsLoggedSchema, event).file!.sequence),
  });
  await Promise.all(
    Array.from({ length: 120 }, () => rig.inference.modelInfer(columnRequest([1], ['JFK'], ['2001-05-01T00:00:00Z']))),
  );
  await waitFor(
    async () => ((await rig.serving.getEndpointStats({ endpoint: ENDPOINT })).stats?.loggedRows ?? 0n) >= 53n,
  );
  await rig.serving.flushPredictionLog({ endpoint: ENDPOINT });
  const { files } = await rig.serving.listPredictionLogFiles({ parent: ENDPOINT });
  expect(files.map(({ sequence }) => Number(sequence))).toEqual(files.map((_, i) => i + 1));
  expect(files.reduce((sum, { rows }) => sum + rows, 0n)).toBe(123n);
  const may = { seconds: 988_675_200n, nanos: 0 }; // 2001-05-01
  const beforeMay = await rig.serving.listPredictionLogFiles({
    parent: ENDPOINT,
    endTime: may,
  });
  expect(beforeMay.files.map(({ rows }) => rows)).toEqual([3n]);
  await waitFor(() => seen.length === files.length);
  expect(seen).toEqual(files.map(({ sequence }) => sequence));
  await consumer.stop();
});

test('a failed flush keeps its rows; beyond the bound they are lost and counted', async () => {
  const { blobs } = rig.platform.platform;
  const put = blobs.put;
  blobs.put = () => Promise.reject(new Error('the disk is full'));
  for (let i = 0; i < 45; i++)
    await rig.inference.modelInfer(rawRequest(Array(10).fill(i), Array(10).fill('JFK'), Array(10).fill(1)));
  await expect(rig.serving.flushPredictionLog({ endpoint: ENDPOINT })).rejects.toMatchObject({ code: 'INTERNAL' });
  const { stats } = await rig.serving.getEndpointStats({ endpoint: ENDPOINT });
  expect(stats?.lostRows).toBe(50n);
  blobs.put = put;
  expect(await rig.serving.flushPredictionLog({ endpoint: ENDPOINT })).toMatchObject({ rows: 400n });
});

test('no row is missing or doubled across a restart', async () => {
  const before = (await logged()).length;
  const ids = Array.from({ length: 37 }, (_, i) => `restart-${i}`);
  const answers = await Promise.all(
    ids.map((id) => rig.inference.modelInfer({ ...rawRequest([1], ['JFK'], [0.5]), id })),
  );
  expect(floatsOf(answers[0]!.rawOutputContents[0])).toHaveLength(1);
  await rig.platform.restart();
  await rig.inference.modelInfer({ ...rawRequest([1], ['JFK'], [0.5]), id: 'restart-after' });
  await rig.serving.flushPredictionLog({ endpoint: ENDPOINT });
  const rows = await logged();
  expect(rows).toHaveLength(before + 38);
  expect(new Set(rows.map(({ prediction_id }) => prediction_id)).size).toBe(rows.length);
});
