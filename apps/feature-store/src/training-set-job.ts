import { create, toJson } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { BlobRefSchema, DataType, TableRefSchema } from '@millrace/contracts/millrace/common/v1/table';
import { TrainingSetCreatedSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_store_events';
import { emitEvent } from '@millrace/events';
import type { ColumnSchema } from '@millrace/features';
import { featureTypeOfSql } from '@millrace/features';
import type { FailedJob, JobContext } from '@millrace/jobs';
import { type Digest, invariant, names } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { type ColumnSchema as ProfiledColumn, profileSql, profileToJson } from '@millrace/profiles';
import type { ColumnType, FieldSpec, Manifest, TableConnection, TableSchema } from '@millrace/tables';
import {
  createManifest,
  encodeManifest,
  loadManifest,
  quoteList,
  saveManifest,
  schemaOf,
  sqlType,
} from '@millrace/tables';
import { withSpan } from '@millrace/telemetry';
import type { Deps } from './deps.ts';
import { microsOf } from './domain/times.ts';
import { planService } from './service-plan.ts';
import { completeTrainingSet, findTrainingSet, type TrainingSetRow } from './store/runs.ts';
import { type TrainingSetQuery, trainingSetSql } from './training-set-sql.ts';
import { compileLabels, planOfRow, specOfRow } from './training-sets.ts';
import { toFields } from './types.ts';

/** What the job of a training set is told; the rest is in the training set's row. */
export interface TrainingSetPayload {
  readonly workspace: string;
  readonly id: string;
}

/** How often the engine is asked how far it is, in milliseconds. */
const PROGRESS_MS = 250;

/** Makes a training set: joins, writes the files, profiles them. Running it again gives the same files. */
export async function runTrainingSet(deps: Deps, ctx: JobContext<TrainingSetPayload>): Promise<void> {
  const { workspace, id } = ctx.payload;
  const { tracer } = deps.telemetry;
  const row = await findTrainingSet(deps.database, workspace, id);
  invariant(row, `training set ${id} has a row`);
  ctx.progress({ fraction: 0, message: 'Reading versions' });
  const { query, schema } = await prepare(deps, row);
  const made = await deps.tables.withConnection(
    async (connection) => {
      const written = await withSpan(tracer, 'training-set join', {}, () =>
        writeRows(deps, ctx, connection, query, schema),
      );
      ctx.progress({ fraction: 0.8, message: 'Profiling', rows: written.manifest.rows });
      const profile = await withSpan(tracer, 'training-set profile', {}, () =>
        profileOf(deps, connection, written.manifest, schema),
      );
      return { ...written, profile };
    },
    { signal: ctx.signal },
  );
  const profile = await deps.blobs.put(Buffer.from(made.profile));
  const tableRef = create(TableRefSchema, {
    manifest: { digest: made.digest, sizeBytes: BigInt(made.sizeBytes), mediaType: 'application/json' },
    rows: BigInt(made.manifest.rows),
    sizeBytes: BigInt(made.manifest.files.reduce((sum, file) => sum + file.bytes, 0)),
    schema: { fields: toFields(schema) },
  });
  const profileRef = create(BlobRefSchema, {
    digest: profile.digest,
    sizeBytes: BigInt(profile.sizeBytes),
    mediaType: 'application/json',
  });
  ctx.progress({ fraction: 1, message: 'Finished', rows: made.manifest.rows });
  await ctx.commit(async (tx) => {
    await completeTrainingSet(tx, workspace, id, {
      tableRef: toJson(TableRefSchema, tableRef),
      profile: toJson(BlobRefSchema, profileRef),
    });
    await announceTrainingSet(tx, ctx.resource, JobState.SUCCEEDED, made.manifest.rows);
  });
}

/** A training set that failed or was cancelled is announced as well. */
export async function failTrainingSet(tx: Tx, job: FailedJob<TrainingSetPayload>): Promise<void> {
  await announceTrainingSet(tx, job.resource, JobState[job.state], 0);
}

async function announceTrainingSet(tx: Tx, trainingSet: string, state: JobState, rows: number): Promise<void> {
  await emitEvent(tx, {
    subject: 'millrace.featurestore.v1.training_set.created',
    resource: trainingSet,
    schema: TrainingSetCreatedSchema,
    message: { trainingSet, state, rows: BigInt(rows) },
  });
}

/** The columns of a version as expressions see them. */
export function columnsOfManifest(manifest: Manifest): ColumnSchema[] {
  return manifest.schema.fields.flatMap(({ name, type }) => {
    const featureType = featureTypeOfSql(sqlType(type));
    return featureType ? [{ name, type: featureType }] : [];
  });
}

async function prepare(deps: Deps, row: TrainingSetRow): Promise<{ query: TrainingSetQuery; schema: TableSchema }> {
  const spec = specOfRow(row);
  const pinned = planOfRow(row);
  const sources = new Map<Digest, { manifest: Manifest; base: string }>();
  for (const { manifest: digest } of [pinned.labelVersion, ...pinned.views.map((view) => view.version)]) {
    if (sources.has(digest)) continue;
    const manifest = await loadManifest(deps.blobs, digest);
    sources.set(digest, { manifest, base: await deps.tables.relationSql(manifest) });
  }
  const views = await Promise.all(
    pinned.views.map(async ({ view, entity, version }) => {
      const { manifest, base } = sources.get(version.manifest)!;
      const checked = await deps.compiler.view(view, entity, columnsOfManifest(manifest), view.name);
      const types = Object.fromEntries(checked.compiled.features.map((f) => [f.name, f.type]));
      return { checked, base, known: { view, entity, types } };
    }),
  );
  const known = new Map(views.map((view) => [view.known.view.name, view.known]));
  const { plan, violations } = await planService(pinned.service, known, deps.compiler, 'feature_service');
  invariant(violations.length === 0, `the pinned service is in order: ${violations[0]?.description}`);
  const label = sources.get(pinned.labelVersion.manifest)!;
  const compiled = await compileLabels(deps, spec, columnsOfManifest(label.manifest));
  const query: TrainingSetQuery = {
    plan,
    views,
    labels: {
      ...compiled,
      base: label.base,
      start: spec.startTime && microsOf(spec.startTime),
      end: spec.endTime && microsOf(spec.endTime),
      rowsMax: spec.rowsMax,
      seed: spec.seed,
    },
  };
  return { query, schema: schemaOfPlan(query) };
}

const COLUMN_TYPES: Readonly<Partial<Record<DataType, ColumnType>>> = {
  [DataType.BOOLEAN]: 'boolean',
  [DataType.INT32]: 'int32',
  [DataType.INT64]: 'int64',
  [DataType.FLOAT32]: 'float32',
  [DataType.FLOAT64]: 'float64',
  [DataType.STRING]: 'string',
  [DataType.DATE]: 'date',
  [DataType.TIMESTAMP]: 'timestamp',
};

function schemaOfPlan({ plan }: TrainingSetQuery): TableSchema {
  const columns = plan.columns.map(({ name, type, description }): FieldSpec => {
    const columnType = COLUMN_TYPES[type];
    invariant(columnType, `column "${name}" has a known type`);
    return { name, type: columnType, ...(description === '' ? {} : { doc: description }) };
  });
  return schemaOf([
    { name: 'event_time', type: 'timestamp', nullable: false },
    ...columns,
    { name: 'label', type: 'float64', nullable: false },
  ]);
}

async function writeRows(
  deps: Deps,
  ctx: JobContext<TrainingSetPayload>,
  connection: TableConnection,
  query: TrainingSetQuery,
  schema: TableSchema,
): Promise<{ manifest: Manifest; digest: Digest; sizeBytes: number }> {
  const { sql, isSorted } = trainingSetSql(query);
  const timer = setInterval(
    () => ctx.progress({ fraction: 0.8 * (connection.progress() ?? 0), message: 'Joining features to labels' }),
    PROGRESS_MS,
  );
  try {
    const sortBy = isSorted ? {} : { sortBy: schema.fields.map(({ name }) => ({ column: name })) };
    const { files } = await deps.tables.writeParquet({ sql, schema, connection, ...sortBy });
    const manifest = createManifest(
      names.trainingSet.format({ workspace: ctx.payload.workspace, trainingSet: ctx.id }),
      {
        schema,
        files,
        operation: 'replace',
      },
    );
    const digest = await saveManifest(deps.blobs, manifest);
    return { manifest, digest, sizeBytes: Buffer.byteLength(encodeManifest(manifest)) };
  } finally {
    clearInterval(timer);
  }
}

const PROFILED: Readonly<Partial<Record<ColumnType, ProfiledColumn['type']>>> = {
  boolean: 'boolean',
  int32: 'integer',
  int64: 'integer',
  float32: 'number',
  float64: 'number',
  string: 'string',
  date: 'timestamp',
  timestamp: 'timestamp',
};

/** Rows that are profiled; of a larger training set every n-th one, in the order of time. */
const PROFILE_ROWS_MAX = 100_000;

/**
 * The profile of the feature columns and the label, as canonical JSON. What monitoring compares are shares and quantiles, for
 * which 100,000 rows spread evenly over the time are as good as all: the standard error of a share is at most 0.16 %.
 */
async function profileOf(
  deps: Deps,
  connection: TableConnection,
  manifest: Manifest,
  schema: TableSchema,
): Promise<string> {
  const columns = schema.fields
    .filter(({ name }) => name !== 'event_time')
    .map(({ name, type }) => ({ name, type: PROFILED[type]! }));
  const step = Math.ceil(manifest.rows / PROFILE_ROWS_MAX);
  const from = step > 1 ? await everyNthRow(deps, manifest, step) : await deps.tables.relationSql(manifest);
  const { sql, decode } = profileSql(columns, { from: `(${from})` });
  const [row] = await connection.rows<{ profile: string }>(sql);
  return profileToJson(decode(row!.profile));
}

/** Every n-th row of files that were just written with the schema's own column names. */
async function everyNthRow(deps: Deps, manifest: Manifest, step: number): Promise<string> {
  const paths = await Promise.all(manifest.files.map((file) => deps.blobs.localPath(file.digest)));
  return `SELECT * FROM read_parquet(${quoteList(paths)}, file_row_number = true) WHERE file_row_number % ${step} = 0`;
}
