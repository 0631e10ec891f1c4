import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { BlobStore } from '@millrace/blobs';
import { AppError } from '@millrace/kernel';
import type { SchemaContract, TableConnection } from '@millrace/tables';
import { quoteIdentifier, quoteList, quoteLiteral, sqlType } from '@millrace/tables';
import type { CursorRange } from '../domain/cursor.ts';
import { rangeCondition } from './cursorRange.ts';

/** The name of the temporary table of all rows that a load puts aside. */
const TABLE = 'letters';

/** What became of the rows that were put aside. */
export interface LetterResult {
  /** The batch's file; absent when there are none. */
  readonly blob: { readonly digest: string; readonly sizeBytes: number } | undefined;
  readonly rows: number;
  readonly countByRule: Readonly<Record<string, number>>;
  /** Rows left out without a letter, as the contract wants it. */
  readonly discarded: number;
}

/** What is put aside and how. */
export interface LetterOptions {
  /** SELECTs of `rule`, `error`, `row_json`, `origin`. */
  readonly parts: readonly string[];
  readonly contract: SchemaContract;
  readonly range: CursorRange | undefined;
  /** Files of the dataset's earlier batches: a row of a file that is read again is not put aside again. */
  readonly earlierFiles: readonly string[];
  readonly blobs: BlobStore;
  readonly scratchDirectory: () => Promise<string>;
}

/**
 * Puts rows aside: as a Parquet file of dead letters (`rules`, `error`, `row_json`, `origin`) in the blob store, or counted only where the
 * contract discards them. With a cursor, rows whose cursor value lies outside of the range are left to the load that takes that range, and
 * rows without a readable one are put aside once. Error: FAILED_PRECONDITION `SCHEMA_FROZEN` where the contract freezes types.
 */
export async function putAside(connection: TableConnection, options: LetterOptions): Promise<LetterResult> {
  const none = { blob: undefined, rows: 0, countByRule: {}, discarded: 0 };
  if (options.parts.length === 0) return none;
  await connection.run(`CREATE TEMP TABLE ${TABLE} AS ${lettersSql(options)}`);
  const counted = await connection.rows<{ rule: string; n: number; example: string }>(
    `SELECT rule, count(*) AS n, min(error) AS example FROM ${TABLE} GROUP BY rule ORDER BY rule`,
  );
  checkFrozen(counted, options.contract);
  const isDiscarded = (rule: string) => modeOf(rule, options.contract) === 'discard_row';
  const kept = counted.filter(({ rule }) => !isDiscarded(rule));
  const discarded = counted.filter(({ rule }) => isDiscarded(rule)).reduce((sum, { n }) => sum + n, 0);
  const blob =
    kept.length > 0
      ? await write(
          connection,
          kept.map(({ rule }) => rule),
          options,
        )
      : undefined;
  return {
    blob,
    rows: kept.reduce((sum, { n }) => sum + n, 0),
    countByRule: Object.fromEntries(kept.map(({ rule, n }) => [rule, n])),
    discarded,
  };
}

function lettersSql({ parts, range, earlierFiles }: LetterOptions): string {
  const all = `SELECT rule, coalesce(error, '') AS error, coalesce(row_json, '{}') AS row_json, coalesce(origin, '') AS origin FROM (${parts.join(' UNION ALL ')})`;
  if (!range) return all;
  const path = quoteLiteral(`$."${range.column.replaceAll('"', '\\"')}"`);
  const value = `TRY_CAST(json_extract_string(row_json, ${path}) AS ${sqlType(range.type)})`;
  const inRange = `SELECT * FROM (${all}) WHERE ${value} IS NULL OR (${rangeCondition(range, value)})`;
  if (earlierFiles.length === 0) return inRange;
  return `SELECT l.* FROM (${inRange}) l ANTI JOIN (SELECT row_json, origin FROM read_parquet(${quoteList(earlierFiles)})) e
    ON l.row_json = e.row_json AND l.origin = e.origin AND TRY_CAST(json_extract_string(l.row_json, ${path}) AS ${sqlType(range.type)}) IS NULL`;
}

function modeOf(rule: string, contract: SchemaContract) {
  if (rule === 'schema.types') return contract.types;
  return rule === 'schema.columns' ? contract.columns : 'quarantine';
}

function checkFrozen(
  counted: readonly { readonly rule: string; readonly n: number; readonly example: string }[],
  contract: SchemaContract,
): void {
  for (const { rule, n, example } of counted) {
    if (modeOf(rule, contract) !== 'freeze') continue;
    throw new AppError(
      'FAILED_PRECONDITION',
      `${n} rows do not fit the schema, for example: ${example} Mend the data, or set the contract's types to "quarantine".`,
      { reason: 'SCHEMA_FROZEN', fields: { rule, rows: `${n}` } },
    );
  }
}

async function write(connection: TableConnection, rules: readonly string[], options: LetterOptions) {
  const file = join(await options.scratchDirectory(), `letters-${randomBytes(6).toString('hex')}.parquet`);
  await connection.run(
    `COPY (SELECT [rule] AS rules, error, row_json, origin FROM ${TABLE} WHERE rule IN (${rules.map(quoteLiteral).join(', ')}))
     TO ${quoteLiteral(file)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  return options.blobs.putFile(file, { move: true });
}

/** Dead letters of rows that were read: those that meet a condition, as JSON. */
export function rowLettersSql(
  rowsSql: string,
  condition: string,
  letter: { readonly rule: string; readonly error: string; readonly origin: string },
): string {
  const { rule, error, origin } = letter;
  return `SELECT ${quoteLiteral(rule)} AS rule, ${quoteLiteral(error)} AS error, CAST(to_json(millrace_row) AS VARCHAR) AS row_json, ${quoteLiteral(origin)} AS origin
    FROM (${rowsSql}) millrace_row WHERE ${condition}`;
}

/** The condition that a column has no value. */
export function isMissing(column: string): string {
  return `${quoteIdentifier(column)} IS NULL`;
}
