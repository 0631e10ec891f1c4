import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A training set as stored. */
export interface TrainingSetRow {
  readonly id: string;
  readonly spec: JsonValue;
  readonly plan: JsonValue;
  readonly table_ref: JsonValue | null;
  readonly profile: JsonValue | null;
}

/** A materialization as stored. */
export interface MaterializationRow {
  readonly id: string;
  readonly feature_views: string[];
  readonly as_of_micros: number;
  readonly versions: Record<string, string>;
  readonly written_rows: number;
  readonly stale_rows: number;
}

/** A page from the newest to the oldest; ids grow with time. An empty `before` starts at the newest. */
export interface NewestFirst {
  readonly before: string;
  readonly limit: number;
}

const TRAINING_SET = 'id, spec, plan, table_ref, profile';
const MATERIALIZATION = 'id, feature_views, as_of_micros, versions, written_rows, stale_rows';

/** Stores a training set; false when the request id is taken. */
export async function insertTrainingSet(
  tx: Tx,
  workspace: string,
  row: { id: string; requestId: string; spec: JsonValue; plan: JsonValue; now: Date },
): Promise<boolean> {
  const inserted = await tx.execute(
    `insert into training_sets (workspace, id, request_id, spec, plan, create_time) values ($1, $2, $3, $4, $5, $6)
     on conflict (workspace, request_id) where request_id is not null do nothing`,
    [workspace, row.id, row.requestId || null, row.spec, row.plan, row.now],
  );
  return inserted === 1;
}

/** The training set of an id. */
export async function findTrainingSet(
  q: Queryable,
  workspace: string,
  id: string,
): Promise<TrainingSetRow | undefined> {
  return await q.maybeOne(`select ${TRAINING_SET} from training_sets where workspace = $1 and id = $2`, [
    workspace,
    id,
  ]);
}

/** The training set that a request has created. */
export async function findTrainingSetByRequest(
  q: Queryable,
  workspace: string,
  requestId: string,
): Promise<TrainingSetRow | undefined> {
  return await q.maybeOne(`select ${TRAINING_SET} from training_sets where workspace = $1 and request_id = $2`, [
    workspace,
    requestId,
  ]);
}

/** A page of training sets. */
export async function listTrainingSets(q: Queryable, workspace: string, page: NewestFirst): Promise<TrainingSetRow[]> {
  return await q.query(
    `select ${TRAINING_SET} from training_sets where workspace = $1 and ($2 = '' or id < $2) order by id desc limit $3`,
    [workspace, page.before, page.limit],
  );
}

/** Stores what a training set's job has made. */
export async function completeTrainingSet(
  tx: Tx,
  workspace: string,
  id: string,
  made: { tableRef: JsonValue; profile: JsonValue },
): Promise<void> {
  await tx.execute('update training_sets set table_ref = $3, profile = $4 where workspace = $1 and id = $2', [
    workspace,
    id,
    made.tableRef,
    made.profile,
  ]);
}

/** Stores a materialization; false when the request id is taken. */
export async function insertMaterialization(
  tx: Tx,
  workspace: string,
  row: {
    id: string;
    requestId: string;
    featureViews: readonly string[];
    asOfMicros: bigint;
    versions: Readonly<Record<string, string>>;
    now: Date;
  },
): Promise<boolean> {
  const inserted = await tx.execute(
    `insert into materializations (workspace, id, request_id, feature_views, as_of_micros, versions, create_time)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (workspace, request_id) where request_id is not null do nothing`,
    [workspace, row.id, row.requestId || null, row.featureViews, row.asOfMicros, row.versions, row.now],
  );
  return inserted === 1;
}

/** The materialization of an id. */
export async function findMaterialization(
  q: Queryable,
  workspace: string,
  id: string,
): Promise<MaterializationRow | undefined> {
  return await q.maybeOne(`select ${MATERIALIZATION} from materializations where workspace = $1 and id = $2`, [
    workspace,
    id,
  ]);
}

/** The materialization that a request has created. */
export async function findMaterializationByRequest(
  q: Queryable,
  workspace: string,
  requestId: string,
): Promise<MaterializationRow | undefined> {
  return await q.maybeOne(`select ${MATERIALIZATION} from materializations where workspace = $1 and request_id = $2`, [
    workspace,
    requestId,
  ]);
}

/** A page of materializations. */
export async function listMaterializations(
  q: Queryable,
  workspace: string,
  page: NewestFirst,
): Promise<MaterializationRow[]> {
  return await q.query(
    `select ${MATERIALIZATION} from materializations where workspace = $1 and ($2 = '' or id < $2) order by id desc limit $3`,
    [workspace, page.before, page.limit],
  );
}

/** Counts rows of a materialization. */
export async function addMaterializedRows(
  tx: Tx,
  workspace: string,
  id: string,
  rows: { written: number; stale: number },
): Promise<void> {
  await tx.execute(
    'update materializations set written_rows = written_rows + $3, stale_rows = stale_rows + $4 where workspace = $1 and id = $2',
    [workspace, id, rows.written, rows.stale],
  );
}
