import type { JsonObject } from '@bufbuild/protobuf';
import type { DatasetVersionState, WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { Queryable, Tx } from '@millrace/postgres';
import type { CursorPositions } from '../domain/cursor.ts';

/** A version as it is kept. */
export interface VersionRow {
  readonly dataset: string;
  readonly version: number;
  readonly state: DatasetVersionState;
  readonly tableRef: JsonObject;
  readonly parent: number | null;
  readonly ingestionRun: string;
  readonly writeDisposition: WriteDisposition;
  readonly loadedRows: number;
  readonly quarantinedRows: number;
  readonly quarantinedByRule: Readonly<Record<string, number>>;
  readonly cursorText: string;
  readonly cursors: CursorPositions;
  readonly addedFiles: readonly string[];
  readonly validationRun: string;
  readonly rejection: string;
  readonly createTime: Date;
  readonly settleTime: Date | null;
}

const COLUMNS = `dataset, version, state, table_ref "tableRef", parent, ingestion_run "ingestionRun",
  write_disposition "writeDisposition", loaded_rows "loadedRows", quarantined_rows "quarantinedRows",
  quarantined_by_rule "quarantinedByRule", cursor_text "cursorText", cursors, added_files "addedFiles",
  validation_run "validationRun", rejection, create_time "createTime", settle_time "settleTime"`;

/** One version. */
export function findVersion(q: Queryable, dataset: string, version: number): Promise<VersionRow | undefined> {
  return q.maybeOne<VersionRow>(`select ${COLUMNS} from dataset_versions where dataset = $1 and version = $2`, [
    dataset,
    version,
  ]);
}

/** The newest version that is not rejected: what the next load builds on. */
export function findBase(q: Queryable, dataset: string): Promise<VersionRow | undefined> {
  return q.maybeOne<VersionRow>(
    `select ${COLUMNS} from dataset_versions where dataset = $1 and state <> 3 order by version desc limit 1`,
    [dataset],
  );
}

/** The version that was published last at a time. */
export function findPublishedAt(q: Queryable, dataset: string, time: Date): Promise<VersionRow | undefined> {
  return q.maybeOne<VersionRow>(
    `select ${COLUMNS} from dataset_versions where dataset = $1 and state = 2 and settle_time <= $2
     order by settle_time desc, version desc limit 1`,
    [dataset, time],
  );
}

/** Versions of a dataset, newest first, before `before`. */
export function listVersions(q: Queryable, dataset: string, before: number, limit: number): Promise<VersionRow[]> {
  return q.query<VersionRow>(
    `select ${COLUMNS} from dataset_versions where dataset = $1 and version < $2 order by version desc limit $3`,
    [dataset, before, limit],
  );
}

/** Stores a candidate. */
export async function insertVersion(tx: Tx, row: VersionRow): Promise<void> {
  await tx.execute(
    `insert into dataset_versions (dataset, version, state, table_ref, parent, ingestion_run, write_disposition, loaded_rows,
       quarantined_rows, quarantined_by_rule, cursor_text, cursors, added_files, create_time)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      row.dataset,
      row.version,
      row.state,
      row.tableRef,
      row.parent,
      row.ingestionRun,
      row.writeDisposition,
      row.loadedRows,
      row.quarantinedRows,
      row.quarantinedByRule,
      row.cursorText,
      row.cursors,
      row.addedFiles,
      row.createTime,
    ],
  );
}

/** Writes the verdict over a candidate. */
export async function settleVersion(tx: Tx, row: VersionRow): Promise<void> {
  await tx.execute(
    `update dataset_versions set state = $3, table_ref = $4, quarantined_rows = $5, quarantined_by_rule = $6,
       validation_run = $7, rejection = $8, settle_time = $9
     where dataset = $1 and version = $2`,
    [
      row.dataset,
      row.version,
      row.state,
      row.tableRef,
      row.quarantinedRows,
      row.quarantinedByRule,
      row.validationRun,
      row.rejection,
      row.settleTime,
    ],
  );
}
