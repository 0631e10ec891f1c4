import type { JsonObject } from '@bufbuild/protobuf';
import { create, toJson } from '@bufbuild/protobuf';
import { WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionSpec } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { IngestionSpecSchema } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { cancelJobs, enqueueJob, getJob, type JobRow, watchJob } from '@millrace/jobs';
import { invalidArgument, invariant, names, notFound } from '@millrace/kernel';
import type { Queryable } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import type { IngestionDeps } from '../deps.ts';
import { workspaceOf } from '../domain/versionNames.ts';
import { LOAD_KIND } from '../jobs.ts';
import { checkLoad } from '../load/check.ts';
import { findDataset } from '../store/datasets.ts';
import { claimRequest } from '../store/requests.ts';
import { findRun, insertRun, listRuns, type RunRow } from '../store/runs.ts';
import { toRun } from '../translate.ts';
import { page, pageKey, pageSize } from './resources.ts';

type Methods =
  | 'createIngestionRun'
  | 'getIngestionRun'
  | 'listIngestionRuns'
  | 'watchIngestionRun'
  | 'cancelIngestionRun'
  | 'replayDeadLetters';

/** Loads and replays. */
export function runHandlers(deps: IngestionDeps): Pick<ServiceImpl<typeof IngestionService>, Methods> {
  const { database } = deps;
  return {
    async createIngestionRun({ parent, spec, requestId, validateOnly }, { signal }) {
      names.workspace.parse(parent, 'parent');
      const request = { parent, method: 'CreateIngestionRun', id: requestId };
      return { ingestionRun: await accept(deps, spec!, request, signal, validateOnly) };
    },
    async replayDeadLetters({ dataset, replay, requestId }, { signal }) {
      names.dataset.parse(dataset, 'dataset');
      const row = await findDataset(database, dataset);
      if (!row) throw notFound('Dataset', dataset);
      // With a primary key a corrected row takes the place of one that came meanwhile, so nothing is doubled.
      const writeDisposition = row.primaryKey.length > 0 ? WriteDisposition.MERGE : WriteDisposition.APPEND;
      const spec = create(IngestionSpecSchema, { dataset, writeDisposition, ...(replay && { replay }) });
      const request = { parent: workspaceOf(dataset), method: 'ReplayDeadLetters', id: requestId };
      return { ingestionRun: await accept(deps, spec, request, signal, false) };
    },
    async getIngestionRun({ name }) {
      names.ingestionRun.parse(name);
      return { ingestionRun: await readRun(database, name) };
    },
    async listIngestionRuns({ parent, pageSize: asked, pageToken, dataset }) {
      names.workspace.parse(parent, 'parent');
      if (dataset !== '') names.dataset.parse(dataset, 'dataset');
      const size = pageSize(asked);
      const before = pageKey(pageToken, '');
      const rows = await listRuns(database, { workspace: parent, dataset, before, limit: size + 1 });
      const found = page(rows, size, (row) => row.name);
      const runs = await Promise.all(found.rows.map((row) => withJob(database, row)));
      return { ingestionRuns: runs, nextPageToken: found.token };
    },
    async *watchIngestionRun({ name }, { signal }) {
      names.ingestionRun.parse(name);
      const { jobId } = await requireRun(database, name);
      for await (const job of watchJob(database, jobId, signal))
        yield { ingestionRun: toRun(await requireRun(database, name), job) };
    },
    async cancelIngestionRun({ name }) {
      names.ingestionRun.parse(name);
      await requireRun(database, name);
      await database.withTransaction((tx) => cancelJobs(tx, name));
      return { ingestionRun: await readRun(database, name) };
    },
  };
}

/** Checks a load, then stores it and its job in one transaction; the same request again gives the load it made. */
async function accept(
  deps: IngestionDeps,
  spec: IngestionSpec,
  request: { readonly parent: string; readonly method: string; readonly id: string },
  signal: AbortSignal,
  isDryRun: boolean,
) {
  const { database, platform } = deps;
  const { workspace } = names.workspace.parse(request.parent, 'parent');
  checkSpec(spec, request.parent);
  const known = request.id === '' ? undefined : await findRequested(database, request);
  if (known !== undefined && !isDryRun) return readRun(database, known);
  await checkLoad(deps, spec, signal);
  const jobId = platform.ids.next();
  const name = names.ingestionRun.format({ workspace, ingestionRun: jobId });
  if (isDryRun) return { spec };
  const resource = await database.withTransaction(async (tx) => {
    const claim = await claimRequest(tx, { ...request, resource: name });
    if (claim.isRepeated) return claim.resource;
    const json = toJson(IngestionSpecSchema, spec) as JsonObject;
    const createTime = platform.clock.now();
    await insertRun(tx, { name, workspace: request.parent, jobId, dataset: spec.dataset, spec: json, createTime });
    await enqueueJob(tx, { id: jobId, kind: LOAD_KIND, resource: name, payload: { run: name } });
    return name;
  });
  return readRun(database, resource);
}

async function findRequested(
  q: Queryable,
  { parent, method, id }: { readonly parent: string; readonly method: string; readonly id: string },
): Promise<string | undefined> {
  const row = await q.maybeOne<{ resource: string }>(
    'select resource from requests where parent = $1 and method = $2 and request_id = $3',
    [parent, method, id],
  );
  return row?.resource;
}

/** What can be wrong with a request by itself, all at once. */
function checkSpec(spec: IngestionSpec, parent: string): void {
  const violations: { field: string; description: string; reason: string }[] = [];
  const blame = (field: string, reason: string, description: string) => violations.push({ field, reason, description });
  const within = (field: string, name: string, kind: 'dataset' | 'source') => {
    if (!names[kind].matches(name))
      blame(
        field,
        'RESOURCE_NAME_INVALID',
        `${JSON.stringify(name.slice(0, 120))} is not of the form ${names[kind].pattern}.`,
      );
    else if (workspaceOf(name) !== parent)
      blame(field, 'WORKSPACE_MISMATCH', `${name} does not belong to ${parent}. Use a ${kind} of this workspace.`);
  };
  within('spec.dataset', spec.dataset, 'dataset');
  if (!spec.replay) within('spec.source', spec.source, 'source');
  else if (spec.source !== '') blame('spec.source', 'REPLAY_WITH_SOURCE', 'A replay has no source. Leave it empty.');
  if (spec.replay && spec.cursor)
    blame('spec.cursor', 'REPLAY_WITH_CURSOR', 'A replay does not touch the cursor. Leave it out.');
  if (spec.replay && spec.writeDisposition === WriteDisposition.REPLACE)
    blame(
      'spec.write_disposition',
      'REPLAY_REPLACES',
      'A replay appends or merges; replacing would drop the good rows.',
    );
  if (spec.cursor?.lag && spec.cursor.lag.seconds < 0n)
    blame('spec.cursor.lag', 'CURSOR_LAG_INVALID', 'A lag is not negative.');
  if (violations.length > 0) throw invalidArgument('INGESTION_SPEC_INVALID', violations);
}

async function requireRun(q: Queryable, name: string): Promise<RunRow> {
  const row = await findRun(q, name);
  if (row) return row;
  throw notFound('IngestionRun', name);
}

async function readRun(q: Queryable, name: string) {
  return withJob(q, await requireRun(q, name));
}

async function withJob(q: Queryable, row: RunRow) {
  const job: JobRow | undefined = await getJob(q, row.jobId);
  invariant(job, `the load ${row.name} has a job`);
  return toRun(row, job);
}
