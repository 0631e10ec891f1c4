import { fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { BlobRefSchema, TableRefSchema } from '@millrace/contracts/millrace/common/v1/table';
import type { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type {
  MaterializationSchema,
  TrainingSetSchema,
} from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { cancelJobs, getJob, type JobRow, toExecution, watchJob } from '@millrace/jobs';
import { names, notFound } from '@millrace/kernel';
import { decodePageToken, encodePageToken } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import type { Deps } from './deps.ts';
import { timestampOf } from './domain/times.ts';
import { createMaterialization } from './materializations.ts';
import {
  findMaterialization,
  findTrainingSet,
  listMaterializations,
  listTrainingSets,
  type MaterializationRow,
  type NewestFirst,
  type TrainingSetRow,
} from './store/runs.ts';
import { createTrainingSet, planOfRow, specOfRow } from './training-sets.ts';

type Handlers = ServiceImpl<typeof FeatureStoreService>;

/** Rows of a page unless asked otherwise. */
const PAGE_SIZE = 100;

/** The methods about training sets and materializations. */
export function runHandlers(
  deps: Deps,
): Pick<
  Handlers,
  | 'createTrainingSet'
  | 'getTrainingSet'
  | 'listTrainingSets'
  | 'watchTrainingSet'
  | 'cancelTrainingSet'
  | 'materialize'
  | 'getMaterialization'
  | 'listMaterializations'
  | 'watchMaterialization'
> {
  const { database } = deps;
  const trainingSet = async (name: string) => {
    const ids = names.trainingSet.parse(name);
    const row = await findTrainingSet(database, ids.workspace, ids.trainingSet);
    if (!row) throw notFound('TrainingSet', name);
    return toTrainingSet(ids.workspace, row, await getJob(database, row.id));
  };
  const materialization = async (name: string) => {
    const ids = names.materialization.parse(name);
    const row = await findMaterialization(database, ids.workspace, ids.materialization);
    if (!row) throw notFound('Materialization', name);
    return toMaterialization(ids.workspace, row, await getJob(database, row.id));
  };
  return {
    async createTrainingSet(request) {
      const { workspace, row } = await createTrainingSet(deps, request);
      return { trainingSet: toTrainingSet(workspace, row, await getJob(database, row.id)) };
    },
    async getTrainingSet({ name }) {
      return { trainingSet: await trainingSet(name) };
    },
    async listTrainingSets(request) {
      const { workspace, page } = pageOf(request);
      const rows = await listTrainingSets(database, workspace, page);
      const jobs = await Promise.all(rows.map((row) => getJob(database, row.id)));
      return {
        trainingSets: rows.map((row, i) => toTrainingSet(workspace, row, jobs[i])),
        nextPageToken: tokenAfter(rows, page),
      };
    },
    async *watchTrainingSet({ name }, ctx) {
      const { workspace, trainingSet: id } = names.trainingSet.parse(name);
      yield { trainingSet: await trainingSet(name) };
      for await (const job of watchJob(database, id, ctx.signal)) {
        const row = await findTrainingSet(database, workspace, id);
        if (row) yield { trainingSet: toTrainingSet(workspace, row, job) };
      }
    },
    async cancelTrainingSet({ name }) {
      await trainingSet(name);
      await database.withTransaction((tx) => cancelJobs(tx, name));
      return { trainingSet: await trainingSet(name) };
    },
    async materialize(request) {
      const { workspace, row } = await createMaterialization(deps, request);
      return { materialization: toMaterialization(workspace, row, await getJob(database, row.id)) };
    },
    async getMaterialization({ name }) {
      return { materialization: await materialization(name) };
    },
    async listMaterializations(request) {
      const { workspace, page } = pageOf(request);
      const rows = await listMaterializations(database, workspace, page);
      const jobs = await Promise.all(rows.map((row) => getJob(database, row.id)));
      return {
        materializations: rows.map((row, i) => toMaterialization(workspace, row, jobs[i])),
        nextPageToken: tokenAfter(rows, page),
      };
    },
    async *watchMaterialization({ name }, ctx) {
      const { workspace, materialization: id } = names.materialization.parse(name);
      yield { materialization: await materialization(name) };
      for await (const job of watchJob(database, id, ctx.signal)) {
        const row = await findMaterialization(database, workspace, id);
        if (row) yield { materialization: toMaterialization(workspace, row, job) };
      }
    },
  };
}

function toTrainingSet(
  workspace: string,
  row: TrainingSetRow,
  job: JobRow | undefined,
): MessageInitShape<typeof TrainingSetSchema> {
  const plan = planOfRow(row);
  return {
    name: names.trainingSet.format({ workspace, trainingSet: row.id }),
    spec: specOfRow(row),
    labelVersion: plan.labelVersion.name,
    viewVersions: Object.fromEntries(plan.views.map(({ view, version }) => [view.name, version.name])),
    ...(job && { execution: toExecution(job) }),
    ...(row.table_ref !== null && { table: fromJson(TableRefSchema, row.table_ref) }),
    ...(row.profile !== null && { profile: fromJson(BlobRefSchema, row.profile) }),
    featureColumns: plan.service.columns,
  };
}

function toMaterialization(
  workspace: string,
  row: MaterializationRow,
  job: JobRow | undefined,
): MessageInitShape<typeof MaterializationSchema> {
  return {
    name: names.materialization.format({ workspace, materialization: row.id }),
    featureViews: row.feature_views,
    asOf: timestampOf(BigInt(row.as_of_micros)),
    ...(job && { execution: toExecution(job) }),
    writtenRows: BigInt(row.written_rows),
    staleRows: BigInt(row.stale_rows),
  };
}

function pageOf(request: { parent: string; pageSize: number; pageToken: string }): {
  workspace: string;
  page: NewestFirst;
} {
  const { workspace } = names.workspace.parse(request.parent, 'parent');
  const before = request.pageToken === '' ? '' : String(decodePageToken(request.pageToken)[0]);
  return { workspace, page: { before, limit: request.pageSize || PAGE_SIZE } };
}

function tokenAfter(rows: readonly { id: string }[], page: NewestFirst): string {
  const last = rows.at(-1);
  return last && rows.length === page.limit ? encodePageToken([last.id]) : '';
}
