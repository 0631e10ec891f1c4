/** Size of the pieces that are handed to the connection, in characters. */
const CHUNK_CHARS = 64 * 1024;

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Rows in the text format of COPY (https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS), in
 * chunks. `counter.rows` grows with each row that was taken.
 */
export async function* encodeRows(
  rows: AsyncIterable<readonly unknown[]> | Iterable<readonly unknown[]>,
  counter: { rows: number },
): AsyncGenerator<string> {
  let chunk = '';
  for await (const row of rows) {
    counter.rows++;
    chunk += `${row.map(encodeField).join('\t')}\n`;
    if (chunk.length < CHUNK_CHARS) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk) yield chunk;
}

function encodeField(value: unknown): string {
  if (value === null || value === undefined) return '\\N';
  return toText(value).replace(/[\\\n\r\t]/g, (char) => ESCAPES[char] as string);
}

/** The input text of a value, by the same rules as for parameters (see `Queryable`). */
function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) {
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  }
  return Array.isArray(value) ? toArrayText(value) : JSON.stringify(value);
}

function toArrayText(items: readonly unknown[]): string {
  const texts = items.map((item) => {
    if (item === null || item === undefined) return 'NULL';
    if (Array.isArray(item)) return toArrayText(item);
    return `"${toText(item).replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${texts.join(',')}}`;
}
