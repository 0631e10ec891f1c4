import type { BlobStore } from '@millrace/blobs';
import type { Digest } from '@millrace/kernel';
import type { TableConnection } from '@millrace/tables';
import { quoteList, quoteLiteral } from '@millrace/tables';
import type { LetterBatch, LetterKey, ReplayedLetter } from '../store/deadLetters.ts';

/** A dead letter as its file holds it. */
export interface StoredLetter extends LetterKey {
  readonly rules: readonly string[];
  readonly error: string;
  readonly rowJson: string;
  readonly origin: string;
  /** The published version that brought it back; null while it is open. */
  readonly replayedVersion: number | null;
}

/** Which letters. */
export interface LetterFilter {
  /** Empty: any. */
  readonly rule: string;
  /** Undefined: any. */
  readonly isReplayed?: boolean | undefined;
}

/**
 * The SQL of the letters of some batches: `version`, `stage`, `row`, `rules`, `error`, `row_json`, `origin`, `replayed_version`. Creates
 * the temporary table `replayed` on the connection; call it once for each connection. There must be at least one batch.
 */
export async function lettersSql(
  connection: TableConnection,
  blobs: BlobStore,
  batches: readonly LetterBatch[],
  replayed: readonly ReplayedLetter[],
  filter: LetterFilter,
): Promise<string> {
  const located = await Promise.all(
    batches.map(async (batch) => ({ ...batch, path: await blobs.localPath(batch.digest as Digest) })),
  );
  await connection.run(
    `CREATE TEMP TABLE replayed AS SELECT r.version, r.stage, r."row", r."replayedVersion" AS replayed_version FROM (
       SELECT unnest(from_json($1, '[{"version":"INTEGER","stage":"VARCHAR","row":"BIGINT","replayedVersion":"INTEGER"}]')) AS r)`,
    [JSON.stringify(replayed)],
  );
  const values = located
    .map(({ version, stage, path }) => `(${version}, '${stage}', ${quoteLiteral(path)})`)
    .join(', ');
  const files = quoteList([...new Set(located.map(({ path }) => path))]);
  const conditions = [
    ...(filter.rule === '' ? [] : [`list_contains(f.rules, ${quoteLiteral(filter.rule)})`]),
    ...(filter.isReplayed === undefined ? [] : [`r.replayed_version IS ${filter.isReplayed ? 'NOT ' : ''}NULL`]),
  ];
  return `SELECT b.version, b.stage, f.file_row_number + 1 AS "row", f.rules, f.error, f.row_json, f.origin, r.replayed_version
    FROM read_parquet(${files}, filename = true, file_row_number = true, union_by_name = true) f
    JOIN (VALUES ${values}) b(version, stage, path) ON f.filename = b.path
    LEFT JOIN replayed r ON r.version = b.version AND r.stage = b.stage AND r."row" = f.file_row_number + 1
    ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}`;
}

/** The letters that an SQL of {@link lettersSql} gives, in order. */
export async function readLetters(connection: TableConnection, sql: string): Promise<StoredLetter[]> {
  return connection.rows<StoredLetter>(
    `SELECT version, stage, "row", rules, coalesce(error, '') AS error, coalesce(row_json, '{}') AS "rowJson", coalesce(origin, '') AS origin,
       replayed_version AS "replayedVersion" FROM (${sql}) ORDER BY version, stage, "row"`,
  );
}
