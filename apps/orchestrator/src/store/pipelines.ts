import type { Queryable, Tx } from '@millrace/postgres';

/** A pipeline as it is stored. */
export interface PipelineRow {
  readonly name: string;
  readonly workspace: string;
  /** JSON form of the Pipeline message. */
  readonly definition: unknown;
  readonly yaml: string;
  readonly etag: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const COLUMNS = `name, workspace, definition, yaml, etag, created_at "createdAt", updated_at "updatedAt"`;

/** The pipeline of this name. */
export async function getPipeline(q: Queryable, name: string): Promise<PipelineRow | undefined> {
  return await q.maybeOne<PipelineRow>(`select ${COLUMNS} from pipelines where name = $1`, [name]);
}

/** The pipeline of this name, locked to the end of the transaction. */
export async function lockPipeline(tx: Tx, name: string): Promise<PipelineRow | undefined> {
  return await tx.maybeOne<PipelineRow>(`select ${COLUMNS} from pipelines where name = $1 for update`, [name]);
}

/** Pipelines of a workspace by name, after the one named `after`. */
export async function listPipelines(
  q: Queryable,
  workspace: string,
  after: string,
  limit: number,
): Promise<PipelineRow[]> {
  return await q.query<PipelineRow>(
    `select ${COLUMNS} from pipelines where workspace = $1 and name > $2 order by name limit $3`,
    [workspace, after, limit],
  );
}

/** Creates or replaces a pipeline; the time of creation stays. */
export async function savePipeline(
  tx: Tx,
  row: Pick<PipelineRow, 'name' | 'workspace' | 'definition' | 'yaml' | 'etag'> & { readonly now: Date },
): Promise<PipelineRow> {
  return await tx.one<PipelineRow>(
    `insert into pipelines (name, workspace, definition, yaml, etag, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $6)
     on conflict (name) do update set definition = $3, yaml = $4, etag = $5, updated_at = $6
     returning ${COLUMNS}`,
    [row.name, row.workspace, row.definition, row.yaml, row.etag, row.now],
  );
}

/** Deletes a pipeline with its schedules and triggers; its runs stay. */
export async function deletePipeline(tx: Tx, name: string): Promise<void> {
  await tx.execute('delete from pipelines where name = $1', [name]);
}
