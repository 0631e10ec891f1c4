import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A model version as a row; the document is the message's JSON form without aliases. */
export interface VersionRow {
  readonly name: string;
  readonly number: number;
  readonly document: JsonValue;
  readonly aliases: readonly string[];
}

const COLUMNS = `name, number, document,
  coalesce((select jsonb_agg(a.alias order by a.alias) from aliases a where a.version = v.name), '[]') as aliases`;

/** Adds a version. */
export async function insertVersion(
  tx: Tx,
  row: { name: string; model: string; number: number; trainingJob: string; document: JsonValue; createdAt: Date },
): Promise<void> {
  await tx.execute(
    `insert into model_versions (name, model, number, training_job, document, created_at) values ($1, $2, $3, $4, $5, $6)`,
    [row.name, row.model, row.number, row.trainingJob, JSON.stringify(row.document), row.createdAt],
  );
}

/** The version of this name. */
export function findVersion(db: Queryable, name: string): Promise<VersionRow | undefined> {
  return db.maybeOne<VersionRow>(`select ${COLUMNS} from model_versions v where name = $1`, [name]);
}

/** The version of a model that came out of a training job. */
export function findVersionOfJob(db: Queryable, model: string, trainingJob: string): Promise<VersionRow | undefined> {
  return db.maybeOne<VersionRow>(`select ${COLUMNS} from model_versions v where model = $1 and training_job = $2`, [
    model,
    trainingJob,
  ]);
}

/** Versions of a model with a number below `before`, newest first. */
export function listVersions(db: Queryable, model: string, before: number, limit: number): Promise<VersionRow[]> {
  return db.query<VersionRow>(
    `select ${COLUMNS} from model_versions v where model = $1 and number < $2 order by number desc limit $3`,
    [model, before, limit],
  );
}
