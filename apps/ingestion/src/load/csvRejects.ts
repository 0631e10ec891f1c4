import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Source, TableConnection } from '@millrace/tables';
import { quoteLiteral } from '@millrace/tables';
import { parseCsvLine } from '../domain/csvLine.ts';
import { ORIGIN, RULE } from './rejects.ts';

/** Bytes at the start of a file in which its header line is looked for. */
const HEADER_BYTES_MAX = 1_000_000;

/**
 * Rejected lines of CSV files as dead letters: a line with as many values as the header has names becomes an object, so
 * that it can be read and replayed like any other row; other lines are kept as `{"raw": …}`.
 */
export async function csvRejectsSql(
  connection: TableConnection,
  rejectsSql: string,
  source: Source,
  scratchDirectory: () => Promise<string>,
): Promise<string> {
  const { delimiter = ',', nullText = '' } = source.options ?? {};
  const headers = new Map<string, readonly string[] | undefined>();
  for (const path of source.paths) headers.set(path, parseCsvLine(await firstLine(path), delimiter));
  const file = join(await scratchDirectory(), 'rejects.ndjson');
  const { batches } = await connection.columns(
    `SELECT ${RULE} AS rule, coalesce(error, '') AS error, coalesce(raw, '') AS raw, ${ORIGIN} AS origin, coalesce(path, '') AS path FROM (${rejectsSql})`,
  );
  const lines = async function* () {
    for await (const { rows, columns } of batches) {
      const [rule, error, raw, origin, path] = columns.map(({ values }) => values as string[]);
      let text = '';
      for (let i = 0; i < rows; i++) {
        const row_json = toRowJson(raw![i]!, headers.get(path![i]!), delimiter, nullText);
        text += `${JSON.stringify({ rule: rule![i], error: error![i], row_json, origin: origin![i] })}\n`;
      }
      yield text;
    }
  };
  await pipeline(Readable.from(lines()), createWriteStream(file));
  return `SELECT * FROM read_ndjson(${quoteLiteral(file)}, columns = {rule: 'VARCHAR', error: 'VARCHAR', row_json: 'VARCHAR', origin: 'VARCHAR'})`;
}

function toRowJson(raw: string, header: readonly string[] | undefined, delimiter: string, nullText: string): string {
  if (raw.startsWith('{')) {
    try {
      JSON.parse(raw);
      return raw; // already taken apart by the reader
    } catch {
      // a line of text that happens to start so
    }
  }
  const values = parseCsvLine(raw.replace(/\r?\n$/, ''), delimiter);
  if (!header || values?.length !== header.length) return JSON.stringify({ raw });
  return JSON.stringify(Object.fromEntries(header.map((name, i) => [name, values[i] === nullText ? null : values[i]])));
}

async function firstLine(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES_MAX), 0, HEADER_BYTES_MAX, 0);
    const text = buffer.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '');
    return text.slice(0, text.search(/\r?\n|$/));
  } finally {
    await file.close();
  }
}
