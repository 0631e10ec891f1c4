import type { FieldSpec, TableConnection } from '@millrace/tables';
import type { CursorRange } from '../domain/cursor.ts';

/** The rows of a source, sorted into those that fit the columns and those that do not; valid while the connection is open. */
export interface StagedRows {
  /** SQL of the rows that fit, in the columns asked for. */
  readonly rowsSql: string;
  /**
   * SQL of the others: `rule`, `error`, `row_json`, `origin` as dead letters have them. `undefined` where there are none.
   */
  readonly rejectsSql: string | undefined;
  /** Rows in all, where it is known without reading them. */
  readonly totalRows: number | undefined;
}

/** A source that was opened: its columns are known, its rows not read yet. */
export interface OpenSource {
  /** The columns it has, in dataset types. */
  readonly columns: readonly FieldSpec[];
  /** Whether the types are a guess from a sample of text (CSV, NDJSON), so that each row has to be tried. */
  readonly isText: boolean;
  /** SQL that reads the columns and fails at the first row that does not fit; only for sources that can be read without a copy. */
  readonly trustingSql?: string;
  /** Reads the rows as these columns. `range` may be used to read less; it is applied again afterwards. */
  stage(
    connection: TableConnection,
    columns: readonly FieldSpec[],
    range: CursorRange | undefined,
  ): Promise<StagedRows>;
  /** Removes what reading has left behind. */
  close(): Promise<void>;
}
