import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createDirectoryBlobs } from '@millrace/blobs';
import { createTableEngine } from '@millrace/tables';
import { temporaryDirectory } from '@millrace/testing';
import type { LogColumn } from './parquet-file.ts';
import { parquetFile } from './parquet-file.ts';

test('DuckDB reads every type, missing values and texts as they were written', async () => {
  await using directory = await temporaryDirectory();
  const rows = 5000;
  const of = <T>(make: (i: number) => T) => Array.from({ length: rows }, (_, i) => make(i));
  const column = (
    name: string,
    type: LogColumn['type'],
    values: LogColumn['values'],
    isNullable = false,
  ): LogColumn => ({
    name,
    type,
    values,
    isNullable,
  });
  const bytes = await parquetFile(
    [
      column(
        'i',
        'INT32',
        of((i) => -i),
      ),
      column(
        'l',
        'INT64',
        of((i) => BigInt(i) * 10n ** 14n),
      ),
      column(
        'f',
        'FLOAT',
        of((i) => (i % 3 === 0 ? Number.NaN : i / 4)),
        true,
      ),
      column(
        'd',
        'DOUBLE',
        of((i) => i / 8),
      ),
      column(
        'b',
        'BOOLEAN',
        of((i) => (i % 5 === 0 ? 1 : 0)),
      ),
      column(
        's',
        'STRING',
        of((i) => (i % 2 === 0 ? '' : `é${i}`)),
        true,
      ),
      column(
        't',
        'TIMESTAMP',
        of((i) => 986_083_200_000_000n + BigInt(i)),
      ),
    ],
    rows,
  );
  const path = join(directory.path, 'log.parquet');
  await writeFile(path, bytes);
  const blobs = await createDirectoryBlobs({ directory: join(directory.path, 'blobs') });
  const engine = await createTableEngine({ blobs, temporaryDirectory: directory.path, memoryMib: 256, threads: 1 });
  const [totals] = await engine.withConnection((connection) =>
    connection.rows(`select count(*)::int n, sum(i)::double i, max(l)::varchar l, count(f)::int f, sum(f)::double fs,
      sum(d) d, count(*) filter (b)::int b, count(s)::int s, max(s) smax, max(t)::varchar t, typeof(any_value(t)) tt
      from read_parquet('${path}')`),
  );
  await engine.close();
  const n = rows - 1;
  expect(totals).toEqual({
    n: rows,
    i: (-n * rows) / 2,
    l: `${n}00000000000000`,
    f: rows - Math.ceil(rows / 3),
    fs: of((i) => (i % 3 === 0 ? 0 : i / 4)).reduce((a, b) => a + b),
    d: (n * rows) / 16,
    b: rows / 5,
    s: rows / 2,
    smax: 'é999',
    t: '2001-04-01 00:00:00.004999',
    tt: 'TIMESTAMP',
  });
});
