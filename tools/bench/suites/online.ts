import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { untilEnded } from '@millrace/client';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { GetOnlineFeaturesRequestSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { AggregateFunction } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { createRng } from '@millrace/kernel';
import { bareDuckDb, publishFlights, W } from '../flights.ts';
import { runLoad } from '../load.ts';
import { startPlatform } from '../running-platform.ts';
import { statesOf } from '../states-of.ts';
import type { Suite } from '../suite.ts';

const ENTITIES = 10_000;
const VIEWS = ['a', 'b', 'c', 'd', 'e'];
const FEATURES = Array.from({ length: 10 }, (_, i) => `f${i}`);
const SERVICE = `${W}/featureServices/fifty`;
const PATH = '/millrace.featurestore.v1.FeatureStoreService/GetOnlineFeatures';

/** Look-ups of 50 features of one of 10,000 entities, from five views of ten features; clients in a process of their own. */
const online: Suite = async (bench) => {
  const file = join(bench.directory, 'numbers.parquet');
  const values = FEATURES.map((name, i) => `sin(i * ${i + 1}) AS ${name}`).join(', ');
  await bareDuckDb(
    `COPY (SELECT i AS entity_id, TIMESTAMP '2001-01-01' AS date, ${values} FROM range(${ENTITIES}) AS r(i)) TO '${file}' (FORMAT parquet)`,
  );
  const { client, address, stop } = await startPlatform(bench);
  await publishFlights(client, 'numbers', [file]);
  await client.featureStore.applyFeatureViews({
    parent: W,
    entities: [{ name: `${W}/entities/number`, joinKeys: [{ name: 'entity_id', type: DataType.INT64 }] }],
    featureViews: VIEWS.map((id) => ({
      name: `${W}/featureViews/${id}`,
      entity: `${W}/entities/number`,
      dataset: `${W}/datasets/numbers`,
      eventTime: 'date',
      refresh: { seconds: 86_400n },
      features: FEATURES.map((name) => ({ name, expression: name, aggregate: AggregateFunction.UNSPECIFIED })),
    })),
    featureServices: [
      {
        name: SERVICE,
        eventTimeColumn: 'at',
        requestColumns: [
          { name: 'at', type: DataType.TIMESTAMP },
          { name: 'entity_id', type: DataType.INT64 },
        ],
        views: VIEWS.map((id) => ({ featureView: `${W}/featureViews/${id}` })),
      },
    ],
  });
  bench.progress('materializing');
  const { materialization } = await client.featureStore.materialize({
    parent: W,
    featureViews: VIEWS.map((id) => `${W}/featureViews/${id}`),
    asOf: timestampFromMs(Date.parse('2001-01-02T00:00:00Z')),
  });
  await untilEnded(
    statesOf(client.featureStore.watchMaterialization({ name: materialization!.name }), (r) => r.materialization),
  );
  const request = (id: number) =>
    create(GetOnlineFeaturesRequestSchema, {
      featureService: SERVICE,
      columns: { entity_id: { values: [{ kind: { case: 'int64Value', value: BigInt(id) } }] } },
    });
  const { results } = await client.featureStore.getOnlineFeatures(request(7));
  const last = results[49]?.values[0]?.kind;
  if (results.length !== 50 || last?.case !== 'doubleValue' || Math.abs(last.value - Math.sin(70)) > 1e-12)
    throw new Error(`Entity 7 was answered with ${results.length} features, the last one ${last?.value}.`);

  const rng = createRng(1);
  const messages = Array.from({ length: 20_000 }, () =>
    toBinary(GetOnlineFeaturesRequestSchema, request(rng.nextInt(ENTITIES))),
  );
  bench.progress('8 clients');
  const figures = await runLoad(bench, { address, path: PATH, clients: 8, seconds: bench.isQuick ? 1 : 10, messages });
  const common = { work: '1 × 50 features of 10,000 entities, 8 clients', subject: 'millrace' };
  bench.report({ ...common, metric: 'p99', value: figures.p99Ms, unit: 'ms', target: { below: 10 } });
  bench.report({ ...common, metric: 'p50', value: figures.p50Ms, unit: 'ms' });
  bench.report({
    ...common,
    metric: 'throughput',
    value: figures.requestsPerSecond,
    unit: 'req/s',
    target: { atLeast: 1000 },
  });
  await stop();
};
export default online;
