import type { Queryable, Tx } from '@millrace/postgres';

/** An experiment as stored. */
export interface ExperimentRow {
  readonly workspace: string;
  readonly experimentId: string;
  readonly description: string;
  readonly createdAt: Date;
}

const COLUMNS = 'workspace, experiment_id as "experimentId", description, created_at as "createdAt"';

/** Stores an experiment unless there is one of this name; whether it did. */
export async function insertExperiment(tx: Tx, row: ExperimentRow): Promise<boolean> {
  const count = await tx.execute(
    `insert into experiments (workspace, experiment_id, description, created_at) values ($1, $2, $3, $4)
     on conflict do nothing`,
    [row.workspace, row.experimentId, row.description, row.createdAt],
  );
  return count === 1;
}

/** One experiment. */
export function findExperiment(
  q: Queryable,
  workspace: string,
  experimentId: string,
): Promise<ExperimentRow | undefined> {
  return q.maybeOne(`select ${COLUMNS} from experiments where workspace = $1 and experiment_id = $2`, [
    workspace,
    experimentId,
  ]);
}

/** Experiments of a workspace by name, those behind `after`. */
export function listExperiments(
  q: Queryable,
  workspace: string,
  after: string,
  limit: number,
): Promise<ExperimentRow[]> {
  return q.query(
    `select ${COLUMNS} from experiments where workspace = $1 and experiment_id > $2 order by experiment_id limit $3`,
    [workspace, after, limit],
  );
}
