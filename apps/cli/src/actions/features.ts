import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { FoundFeature } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { FeatureService, FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { AggregateFunction } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type { Value } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { FeatureStatus } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { invalidArgument } from '@millrace/kernel';
import { nearest } from '@millrace/pipelines';
import { plainJson } from '../plain-json.ts';
import { moment, span } from '../render/format.ts';
import { allPages, dateOf, idOf, nameOf } from '../resource.ts';
import type { Action } from '../tree/spec.ts';
import { readPipelines } from './pipelines-apply.ts';

/** `features ls [WORDS]`. */
export const listFeatures: Action = async (session, input) => {
  const { featureStore } = await session.client();
  const query = input.variadic(0).join(' ');
  const features = await allPages<FoundFeature>(async (pageToken, pageSize) => {
    const page = await featureStore.searchFeatures({ parent: session.workspace, query, pageToken, pageSize });
    return { items: page.features, next: page.nextPageToken };
  });
  if (session.isJson) {
    session.printJson({ features: features.map(plainJson) });
    return 0;
  }
  const { featureViews } = await featureStore.listFeatureViews({ parent: session.workspace, pageSize: 1000 });
  const view = (f: FoundFeature): FeatureView | undefined => featureViews.find((v) => v.name === f.featureView);
  await session.printTable(
    features,
    [
      { title: 'FEATURE', value: (f) => `${idOf(f.featureView)}__${f.feature?.name}`, priority: 0, widthMin: 20 },
      { title: 'TYPE', value: (f) => DataType[f.feature?.type ?? 0] ?? '', priority: 2 },
      { title: 'ENTITY', value: (f) => idOf(view(f)?.entity ?? ''), priority: 1 },
      { title: 'WINDOW', value: (f) => windowText(f), priority: 1 },
      { title: 'ONLINE AS OF', value: (f) => moment(dateOf(view(f)?.materializedTime)), priority: 3 },
      { title: 'EXPRESSION', value: (f) => f.feature?.expression ?? '', priority: 4 },
    ],
    query === '' ? 'There are no features. Apply a pipeline that brings some.' : `No feature matches "${query}".`,
  );
  return 0;
};

/** `features get SERVICE --key column=value`. */
export const getFeatures: Action = async (session, input) => {
  const { featureStore } = await session.client();
  const name = nameOf(session, 'featureService', input.argument(0));
  const service = (await featureStore.getFeatureService({ name })).featureService as FeatureService;
  const columns = Object.fromEntries(
    input.pairs('key').map(([column, text]) => {
      const known = service.requestColumns.find((c) => c.name === column);
      if (!known) throw unknownColumn(column, service);
      return [column, { values: [{ kind: givenValue(column, text, known.type) }] }];
    }),
  );
  const response = await featureStore.getOnlineFeatures({ featureService: name, columns });
  if (session.isJson) {
    session.printJson(plainJson(response));
    return 0;
  }
  const rows = response.featureNames.map((feature, i) => ({ feature, vector: response.results[i] }));
  const { style } = session;
  const status = (s: FeatureStatus | undefined) => (FeatureStatus[s ?? 0] ?? '').toLowerCase();
  await session.printTable(
    rows,
    [
      { title: 'FEATURE', value: (r) => r.feature, priority: 0, widthMin: 20 },
      { title: 'VALUE', value: (r) => valueText(r.vector?.values[0]), align: 'right', priority: 0 },
      {
        title: 'STATUS',
        value: (r) => {
          const state = r.vector?.statuses[0];
          return state === FeatureStatus.PRESENT ? style.good(status(state)) : style.warn(status(state));
        },
        priority: 1,
      },
      { title: 'AS OF', value: (r) => moment(dateOf(r.vector?.eventTimes[0])), priority: 2 },
    ],
    'The service has no features.',
  );
  return 0;
};

/** `features plan FILE`. */
export const planFeatures: Action = async (session, input) => {
  const { featureStore } = await session.client();
  for (const { pipeline, locate } of await readPipelines(session, input.argument(0))) {
    const { entities = [], featureViews = [], featureServices = [] } = pipeline.resources ?? {};
    if (entities.length + featureViews.length + featureServices.length === 0) continue;
    const response = await featureStore
      .applyFeatureViews({ parent: session.workspace, entities, featureViews, featureServices, validateOnly: true })
      .catch((error) => {
        throw error instanceof Error && 'violations' in error ? locate(error as Parameters<typeof locate>[0]) : error;
      });
    if (session.isJson) session.printJson(plainJson(response));
    else
      await session.printTable(
        response.plan,
        [
          { title: 'RESOURCE', value: (p) => p.name.replace(/^workspaces\/[^/]+\//, ''), priority: 0, widthMin: 24 },
          { title: 'CHANGE', value: (p) => p.kind, priority: 0 },
          { title: 'RECOMPUTE', value: (p) => (p.recompute ? 'yes' : 'no'), priority: 2 },
          { title: 'DETAILS', value: (p) => p.details.join(' '), priority: 1 },
        ],
        'Nothing changes.',
      );
  }
  return 0;
};

function windowText({ feature }: FoundFeature): string {
  if (!feature?.aggregate) return 'newest';
  const seconds = Number(feature.window?.seconds ?? 0n);
  return `${AggregateFunction[feature.aggregate]?.toLowerCase()} over ${span(seconds * 1000)}`;
}

function unknownColumn(column: string, service: FeatureService): Error {
  const known = service.requestColumns.map((c) => c.name);
  const meant = nearest(column, known);
  return invalidArgument('REQUEST_COLUMN_UNKNOWN', [
    {
      field: '--key',
      reason: 'REQUEST_COLUMN_UNKNOWN',
      description: `"${column}" is no request column${meant ? `; did you mean "${meant}"?` : '.'} There are ${known.join(', ')}.`,
    },
  ]);
}

/** A value of a request column from its text. Times are RFC 3339 and become microseconds, days become days since 1970. */
function givenValue(column: string, text: string, type: DataType): Value['kind'] {
  const wrong = (what: string) =>
    invalidArgument('REQUEST_COLUMN_TYPE', [{ field: `--key ${column}`, description: `"${text}" is not ${what}.` }]);
  switch (type) {
    case DataType.BOOLEAN:
      if (text !== 'true' && text !== 'false') throw wrong('true or false');
      return { case: 'booleanValue', value: text === 'true' };
    case DataType.INT32:
    case DataType.INT64:
      if (!/^-?\d+$/.test(text)) throw wrong('a whole number');
      return { case: 'int64Value', value: BigInt(text) };
    case DataType.FLOAT32:
    case DataType.FLOAT64:
      if (text.trim() === '' || Number.isNaN(Number(text))) throw wrong('a number');
      return { case: 'doubleValue', value: Number(text) };
    case DataType.TIMESTAMP:
    case DataType.DATE: {
      const millis = Date.parse(
        /Z$|[+-]\d\d:\d\d$/i.test(text) || !text.includes(':') ? text : `${text.replace(' ', 'T')}Z`,
      );
      if (Number.isNaN(millis)) throw wrong('a time, for example 2001-04-01T09:30:00Z');
      const value = type === DataType.DATE ? BigInt(Math.floor(millis / 86_400_000)) : BigInt(millis) * 1000n;
      return { case: 'int64Value', value };
    }
    default:
      return { case: 'stringValue', value: text };
  }
}

function valueText(value: Value | undefined): string {
  if (value?.kind.case === undefined) return 'missing';
  return String(value.kind.value);
}
