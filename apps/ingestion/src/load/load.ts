import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fromJson } from '@bufbuild/protobuf';
import type { IngestionSpec } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { IngestionSpecSchema } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import type { JobContext } from '@millrace/jobs';
import { type Digest, invariant, notFound } from '@millrace/kernel';
import type { ColumnType, Manifest, TableConnection } from '@millrace/tables';
import { encodeManifest, fieldNamed, loadManifest, quoteIdentifier, requireField } from '@millrace/tables';
import { withSpan } from '@millrace/telemetry';
import type { IngestionDeps } from '../deps.ts';
import type { CursorPosition, CursorRange, CursorRequest } from '../domain/cursor.ts';
import { positionAfter } from '../domain/cursor.ts';
import { type Fit, fitSchema } from '../domain/fitSchema.ts';
import { listBatches } from '../store/deadLetters.ts';
import { findRun } from '../store/runs.ts';
import { findSource } from '../store/sources.ts';
import { tableRefFromJson, toContract, toSource } from '../translate.ts';
import { commitLoad, commitNothing, type LoadOutcome } from './commit.ts';
import { greatestOf, rangeCondition, resolveRange } from './cursorRange.ts';
import { openFiles } from './fileReader.ts';
import { isMissing, type LetterResult, putAside, rowLettersSql } from './letters.ts';
import { type LoadPayload, type LoadPlan, planLoad } from './plan.ts';
import { openPostgres } from './postgresReader.ts';
import { reportProgress } from './progress.ts';
import type { OpenSource, StagedRows } from './readers.ts';
import { openReplay, type ReplayReader } from './replay.ts';
import { writeRows } from './write.ts';

/** One load under way. */
interface Load {
  readonly deps: IngestionDeps;
  readonly ctx: JobContext<LoadPayload>;
  readonly spec: IngestionSpec;
  readonly plan: LoadPlan;
  readonly baseManifest: Manifest | undefined;
  readonly scratchDirectory: () => Promise<string>;
}

/**
 * The job of a load: reads the source, writes files, and commits version, cursor, counters and dead letters in one
 * transaction. Running it again after a crash changes nothing twice: files are named by their content, and the
 * transaction finds a finished load finished.
 */
export async function runLoad(deps: IngestionDeps, ctx: JobContext<LoadPayload>): Promise<void> {
  const run = await findRun(deps.database, ctx.payload.run);
  if (!run) throw notFound('IngestionRun', ctx.payload.run);
  if (run.isFinished) return;
  const spec = fromJson(IngestionSpecSchema, run.spec);
  const plan = await planLoad(deps.database, spec);
  const directory = join(await deps.scratchDirectory(), `load-${randomBytes(6).toString('hex')}`);
  const scratchDirectory = async () => {
    await mkdir(directory, { recursive: true });
    return directory;
  };
  try {
    const base = plan.base && tableRefFromJson(plan.base.tableRef);
    const baseManifest = base && (await loadManifest(deps.platform.blobs, base.manifest!.digest as Digest));
    await readAndCommit({ deps, ctx, spec, plan, baseManifest, scratchDirectory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function readAndCommit(load: Load): Promise<void> {
  const { deps, ctx, spec, plan } = load;
  return deps.platform.tables.withConnection(
    async (connection) => {
      const source = await openSource(load, connection);
      try {
        const fit = fitSchema({
          current: load.baseManifest?.schema,
          incoming: source.columns,
          isText: source.isText,
          contract: toContract(plan.dataset),
          primaryKey: plan.dataset.primaryKey,
        });
        const outcome = await stageAndWrite(load, connection, source, fit);
        if (outcome) await commitLoad(deps, ctx, { spec, plan, fit, outcome });
        else await commitNothing(deps, ctx, spec);
      } finally {
        await source.close();
      }
    },
    { signal: ctx.signal },
  );
}

async function openSource(load: Load, connection: TableConnection): Promise<OpenSource> {
  const { deps, ctx, spec, scratchDirectory } = load;
  if (spec.replay)
    return openReplay(connection, deps, load.plan.dataset, spec.replay, load.baseManifest, scratchDirectory);
  const row = await findSource(deps.database, spec.source);
  if (!row) throw notFound('Source', spec.source);
  const { location } = toSource(row);
  if (location.case === 'postgres')
    return openPostgres(location.value, { scratchDirectory, signal: ctx.signal, environment: process.env });
  invariant(location.case === 'file', `the location of ${row.name} is known`);
  return openFiles(connection, location.value, { within: deps.config.sourceDirectories, scratchDirectory });
}

/** The files of the version and all that is committed with them; `undefined` when there is nothing new. */
async function stageAndWrite(
  load: Load,
  connection: TableConnection,
  source: OpenSource,
  fit: Fit,
): Promise<LoadOutcome | undefined> {
  const { deps, ctx, plan, baseManifest } = load;
  const { tables, blobs } = deps.platform;
  const { tracer } = deps.telemetry;
  const request = plan.cursor && cursorIn(fit, plan.cursor);
  const last = request && plan.positions[request.column];
  const resolved = request && (await resolveRange(connection, request, request.type, last));
  if (resolved && !resolved.mayHaveRows) return undefined;
  const range = resolved?.range;
  ctx.progress({ fraction: 0.02, message: 'reading' });
  const staged = await withSpan(tracer, 'ingestion.stage', {}, () => source.stage(connection, fit.read, range));
  const sorted = sortRows(load, staged, fit, range);
  const letters = await withSpan(tracer, 'ingestion.dead_letters', {}, async () =>
    putAside(connection, {
      parts: sorted.letterParts,
      contract: load.spec.replay
        ? { columns: toContract(plan.dataset).columns, types: 'quarantine' }
        : toContract(plan.dataset),
      range,
      earlierFiles: range && sorted.letterParts.length > 0 ? await earlierLetters(load) : [],
      blobs,
      scratchDirectory: load.scratchDirectory,
    }),
  );
  ctx.progress({ fraction: 0.1, message: 'writing' });
  const stopProgress = reportProgress(ctx, connection, staged.totalRows);
  const written = await withSpan(tracer, 'ingestion.write', {}, () =>
    writeRows(connection, {
      tables,
      blobs,
      dataset: plan.dataset.name,
      disposition: plan.disposition,
      base: baseManifest,
      schema: fit.schema,
      primaryKey: plan.dataset.primaryKey,
      rowsSql: sorted.rowsSql,
    }),
  ).finally(stopProgress);
  if (written.loadedRows + letters.rows + letters.discarded === 0) return undefined;
  const position = range && (await newPosition(connection, range, last, written.newFiles, fit));
  ctx.progress({ fraction: 0.95, message: 'committing', rows: written.loadedRows });
  const manifest = { ...written.manifest, ...(position && { cursor: { column: range.column, ...position } }) };
  const { digest, sizeBytes } = await blobs.put(Buffer.from(encodeManifest(manifest)));
  return {
    ...written,
    manifest,
    manifestBlob: { digest, sizeBytes },
    letters: letters satisfies LetterResult,
    position: position && { column: range.column, position },
    replayed: 'letters' in source ? (source as ReplayReader).letters : [],
  };
}

/** Adds the contract's and the cursor's own rules to what the reader has rejected already. */
function sortRows(load: Load, staged: StagedRows, fit: Fit, range: CursorRange | undefined) {
  const { plan } = load;
  const letterParts = staged.rejectsSql === undefined ? [] : [staged.rejectsSql];
  const origin = load.spec.source;
  const conditions: string[] = [];
  const keep = (condition: string, rule: string, error: string) => {
    letterParts.push(rowLettersSql(staged.rowsSql, [condition, ...conditions].join(' AND '), { rule, error, origin }));
    conditions.push(`NOT (${condition})`);
  };
  for (const { column, kind } of fit.rowRules)
    if (kind === 'unknown_column')
      keep(`${quoteIdentifier(column)} IS NOT NULL`, 'schema.columns', `Column "${column}" is not in the schema.`);
  if (range) keep(isMissing(range.column), 'schema.cursor', `Column "${range.column}", the cursor, has no value.`);
  if (plan.disposition === 'merge')
    for (const column of plan.dataset.primaryKey)
      keep(isMissing(column), 'schema.primary_key', `Column "${column}" of the primary key has no value.`);
  if (range) conditions.push(rangeCondition(range));
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
  return { rowsSql: `SELECT * FROM (${staged.rowsSql})${where}`, letterParts };
}

async function earlierLetters({ deps, plan }: Load): Promise<string[]> {
  const batches = await listBatches(deps.database, { dataset: plan.dataset.name, isUnrejected: true });
  const digests = new Set(batches.filter(({ stage }) => stage === 'l').map(({ digest }) => digest));
  return Promise.all([...digests].map((digest) => deps.platform.blobs.localPath(digest as Digest)));
}

/** The cursor by the column's own name and type; throws NOT_FOUND `COLUMN_NOT_FOUND`. */
function cursorIn(fit: Fit, request: CursorRequest): CursorRequest & { readonly type: ColumnType } {
  const { name, type } = requireField(fit.schema, request.column);
  return { ...request, column: name, type };
}

/** Where the next load starts; never before where the last one ended, also when a lag brought only older rows. */
async function newPosition(
  connection: TableConnection,
  range: CursorRange,
  last: CursorPosition | undefined,
  files: Awaited<ReturnType<typeof writeRows>>['newFiles'],
  fit: Fit,
): Promise<CursorPosition | undefined> {
  if (range.upper !== undefined) return positionAfter(range, undefined);
  const id = fieldNamed(fit.schema, range.column)!.id;
  const seen = files.map((file) => file.columns[id]?.max).filter((max) => max !== null && max !== undefined);
  const greatest = await greatestOf(connection, [...seen.map(String), ...(last ? [last.value] : [])], range.type);
  if (last && greatest === last.value)
    return seen.map(String).includes(greatest) ? { ...last, isExclusive: true } : last;
  return positionAfter(range, greatest);
}
