import type { Field } from '@millrace/contracts/millrace/common/v1/table';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { TrainingSet } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import type { Digest } from '@millrace/kernel';
import { AppError } from '@millrace/kernel';
import type { Platform } from '@millrace/process';
import type { ColumnData, ColumnTable } from '@millrace/tables';
import { isNullAt, loadManifest, quoteIdentifier } from '@millrace/tables';
import type { EvaluationColumn } from './compare-models.ts';

/** The rows that two models are compared on. */
export interface EvaluationRows {
  readonly columns: Readonly<Record<string, EvaluationColumn>>;
  readonly labels: Float64Array;
}

/**
 * Reads a training set's feature columns and labels.
 *
 * @throws AppError FAILED_PRECONDITION `EVALUATION_SET_NOT_READY`, `EVALUATION_SET_EMPTY`, `EVALUATION_SET_TOO_LARGE`.
 */
export async function readEvaluationRows(
  platform: Platform,
  set: TrainingSet,
  rowsMax: number,
  signal: AbortSignal,
): Promise<EvaluationRows> {
  const digest = set.table?.manifest?.digest;
  if (!digest) throw unusable('EVALUATION_SET_NOT_READY', set.name, 'has not been made yet');
  const manifest = await loadManifest(platform.blobs, digest as Digest);
  if (manifest.rows === 0) throw unusable('EVALUATION_SET_EMPTY', set.name, 'has no rows');
  if (manifest.rows > rowsMax)
    throw unusable('EVALUATION_SET_TOO_LARGE', set.name, `has ${manifest.rows} rows, more than ${rowsMax}`);
  const fields = set.featureColumns;
  return platform.tables.withConnection(
    async (connection) => {
      const selected = fields.map((field) => asModelInput(field));
      const table = await connection.table(
        `select ${[...selected, 'label::double as label'].join(', ')} from evaluation_set`,
      );
      return { columns: columnsOf(table), labels: table.columns.label?.values as Float64Array };
    },
    { inputs: { evaluation_set: manifest }, signal },
  );
}

/** A column as models take it in: texts as they are, all else as float32. */
function asModelInput({ name, type }: Field): string {
  const column = quoteIdentifier(name);
  return type === DataType.STRING ? column : `${column}::float as ${column}`;
}

function columnsOf(table: ColumnTable): Record<string, EvaluationColumn> {
  const columns: Record<string, EvaluationColumn> = {};
  for (const [name, column] of Object.entries(table.columns))
    if (name !== 'label') columns[name] = Array.isArray(column.values) ? textColumn(column) : numericColumn(column);
  return columns;
}

function numericColumn(column: ColumnData): EvaluationColumn {
  const values = column.values as Float32Array;
  if (column.validity)
    for (let row = 0; row < values.length; row++) if (isNullAt(column, row)) values[row] = Number.NaN;
  return { kind: 'numeric', values };
}

function textColumn(column: ColumnData): EvaluationColumn {
  const texts = column.values as string[];
  const codes = new Int32Array(texts.length);
  const codeOf = new Map<string, number>();
  for (const [row, text] of texts.entries()) {
    const code = codeOf.get(text) ?? codeOf.size;
    if (code === codeOf.size) codeOf.set(text, code);
    codes[row] = isNullAt(column, row) ? -1 : code;
  }
  return { kind: 'text', codes, levels: [...codeOf.keys()] };
}

function unusable(reason: string, name: string, what: string): AppError {
  return new AppError('FAILED_PRECONDITION', `Evaluation set "${name}" ${what}; the models cannot be compared on it.`, {
    reason,
    fields: { evaluationSet: name },
  });
}
