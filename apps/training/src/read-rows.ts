import { AppError, invariant } from '@millrace/kernel';
import type { CategoryColumn, FrameColumn, NumericColumn } from '@millrace/learning';
import type { ColumnBatch, Manifest, TableConnection, TableEngine } from '@millrace/tables';
import { fieldNamed, quoteIdentifier } from '@millrace/tables';
import type { InputColumn } from './domain/plan.ts';
import type { Rows } from './worker/rows.ts';

/** Different texts of one column at most: each becomes a JavaScript string and an entry of an encoder. */
export const LEVELS_MAX = 200_000;

/**
 * Reads time, label and the wanted columns. DuckDB turns texts into numbers of levels and all numbers into float32 (too
 * large ones into infinities, missing ones into NaN), so that no row becomes a JavaScript value; 2,048 rows are copied
 * at a time between turns of the event loop. Levels are in the order of their bytes. The memory is shared by all threads,
 * so none needs a copy.
 *
 * Throws RESOURCE_EXHAUSTED `TOO_MANY_CATEGORIES` and `TOO_MANY_ROWS`, DATA_LOSS `TRAINING_SET_UNSORTED`.
 */
export async function readRows(
  tables: TableEngine,
  manifest: Manifest,
  columns: readonly InputColumn[],
  options: { readonly rowsMax: number; readonly signal: AbortSignal; readonly onRows: (rows: number) => void },
): Promise<Rows> {
  if (manifest.rows > options.rowsMax) throw tooManyRows(manifest.rows, options.rowsMax);
  const work = async (connection: TableConnection) => {
    const levels = new Map<string, readonly string[]>();
    for (const [i, { name, kind }] of columns.entries())
      if (kind === 'text') levels.set(name, await defineLevels(connection, name, levelType(i)));
    const selected = columns.map(({ name, kind }, i) =>
      kind === 'text' ? codeSql(name, levelType(i)) : numberSql(name, manifest),
    );
    const time = 'CAST(epoch_us(CAST(event_time AS TIMESTAMP)) AS DOUBLE)';
    const label = "coalesce(CAST(label AS DOUBLE), 'nan'::DOUBLE)";
    const result = await connection.columns(`SELECT ${[time, label, ...selected].join(', ')} FROM training_set`);
    const rows = allocate(manifest.rows, columns, levels);
    let at = 0;
    for await (const batch of result.batches) {
      copyBatch(batch, at, rows, columns);
      at += batch.rows;
      options.onRows(at);
    }
    invariant(at === manifest.rows, `the training set holds ${manifest.rows} rows, not ${at}`);
    return rows;
  };
  return await tables.withConnection(work, { inputs: { training_set: manifest }, signal: options.signal });
}

function levelType(column: number): string {
  return `levels_${column}`;
}

/** Makes the connection's own enumeration type of a column's texts, and gives them in order. */
async function defineLevels(connection: TableConnection, column: string, type: string): Promise<readonly string[]> {
  const name = quoteIdentifier(column);
  const [found] = await connection.rows<{ levels: number }>(
    `SELECT CAST(count(*) AS INTEGER) AS levels FROM (SELECT DISTINCT ${name} FROM training_set LIMIT ${LEVELS_MAX + 2})`,
  );
  if (found!.levels > LEVELS_MAX) throw tooManyLevels(column);
  await connection.run(
    `CREATE TEMP TYPE ${type} AS ENUM (SELECT DISTINCT ${name} FROM training_set WHERE ${name} IS NOT NULL ORDER BY 1)`,
  );
  const levels = await connection.rows<{ level: string }>(
    `SELECT CAST(unnest(enum_range(NULL::${type})) AS VARCHAR) AS level`,
  );
  return levels.map(({ level }) => level);
}

function codeSql(column: string, type: string): string {
  return `coalesce(CAST(enum_code(CAST(${quoteIdentifier(column)} AS ${type})) AS INTEGER), -1)`;
}

function numberSql(column: string, manifest: Manifest): string {
  const name = quoteIdentifier(column);
  const type = fieldNamed(manifest.schema, column)?.type;
  if (type !== 'float64') return `coalesce(CAST(${name} AS FLOAT), 'nan'::FLOAT)`;
  const overflow = `CASE WHEN ${name} > 0 THEN 'inf'::FLOAT WHEN ${name} < 0 THEN '-inf'::FLOAT ELSE 'nan'::FLOAT END`;
  return `coalesce(TRY_CAST(${name} AS FLOAT), ${overflow})`;
}

function allocate(rows: number, columns: readonly InputColumn[], levels: ReadonlyMap<string, readonly string[]>): Rows {
  const made = columns.map(({ name, kind }): [string, FrameColumn] => {
    if (kind === 'number')
      return [name, { kind: 'numeric', values: new Float32Array(new SharedArrayBuffer(4 * rows)) }];
    return [
      name,
      { kind: 'category', codes: new Int32Array(new SharedArrayBuffer(4 * rows)), levels: levels.get(name) ?? [] },
    ];
  });
  return {
    frame: { rows, columns: Object.fromEntries(made) },
    times: new Float64Array(new SharedArrayBuffer(8 * rows)),
    labels: new Float64Array(new SharedArrayBuffer(8 * rows)),
  };
}

function copyBatch(batch: ColumnBatch, at: number, rows: Rows, columns: readonly InputColumn[]): void {
  invariant(at + batch.rows <= rows.frame.rows, 'the training set holds no more rows than its manifest says');
  const [time, label, ...inputs] = batch.columns;
  copyTimes(time!.values as Float64Array, at, rows.times);
  rows.labels.set(label!.values as Float64Array, at);
  for (const [i, { name, kind }] of columns.entries()) {
    const values = inputs[i]!.values as Float32Array;
    if (kind === 'number') (rows.frame.columns[name] as NumericColumn).values.set(values, at);
    else (rows.frame.columns[name] as CategoryColumn).codes.set(values, at);
  }
}

/** Copies times and checks that they rise. */
function copyTimes(from: Float64Array, at: number, to: Float64Array): void {
  let last = at === 0 ? Number.NEGATIVE_INFINITY : to[at - 1]!;
  for (let i = 0; i < from.length; i++) {
    const time = from[i]!;
    if (!(time >= last)) throw unsorted(at + i);
    to[at + i] = time;
    last = time;
  }
}

function tooManyRows(rows: number, most: number): AppError {
  return new AppError(
    'RESOURCE_EXHAUSTED',
    `The training set has ${rows} rows, more than ${most}. Sample it (rows_max).`,
    {
      reason: 'TOO_MANY_ROWS',
      fields: { rows: String(rows), rowsMax: String(most) },
    },
  );
}

function tooManyLevels(column: string): AppError {
  return new AppError(
    'INVALID_ARGUMENT',
    `Column "${column}" has more than ${LEVELS_MAX} different texts. Leave it out of the features, or derive a coarser one.`,
    { reason: 'TOO_MANY_CATEGORIES', fields: { column } },
  );
}

function unsorted(row: number): AppError {
  return new AppError('DATA_LOSS', `Row ${row} of the training set is older than the one before. Create it again.`, {
    reason: 'TRAINING_SET_UNSORTED',
    fields: { row: String(row) },
  });
}
