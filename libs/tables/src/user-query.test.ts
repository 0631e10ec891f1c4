import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Manifest } from './manifest.ts';
import { quoteLiteral } from './sql.ts';
import { openTestEngine } from './testing.ts';
import { runUserQuery } from './user-query.ts';

let rig: Awaited<ReturnType<typeof openTestEngine>>;
let t: Manifest;
beforeAll(async () => {
  rig = await openTestEngine();
  t = await rig.dataset('SELECT range AS a, range % 3 AS k FROM range(10000)');
});
afterAll(() => rig.close());

async function count(sql: string, options = {}): Promise<number> {
  const result = await rig.engine.query(sql, { datasets: { t }, ...options });
  let rows = 0;
  for await (const batch of result.batches) rows += batch.rows;
  return rows;
}

test('a query sees its datasets, CTEs, subqueries and harmless table functions', async () => {
  expect(await count('SELECT k, count(*) FROM t GROUP BY k')).toBe(3);
  expect(
    await count('WITH c AS (SELECT * FROM t WHERE a < $a) SELECT * FROM c JOIN range(2) r ON true', {
      parameters: { a: 5 },
    }),
  ).toBe(10);
  expect(await count('SELECT * FROM T')).toBe(10_000);
});

test('the result is cut at rowsMax and says so', async () => {
  const result = await rig.engine.query('SELECT a FROM t', { datasets: { t }, rowsMax: 2_500 });
  let rows = 0;
  for await (const batch of result.batches) rows += batch.rows;
  expect([rows, result.isTruncated()]).toEqual([2_500, true]);
});

test.each([
  ["SELECT * FROM read_text('/etc/passwd')"],
  ["SELECT * FROM read_csv('/etc/passwd')"],
  ["SELECT * FROM read_blob('/etc/passwd')"],
  ["SELECT * FROM glob('/etc/*')"],
  ["SELECT * FROM '/etc/passwd'"],
  ['SELECT * FROM "/etc/passwd"'],
  ["SELECT * FROM sniff_csv('/etc/passwd')"],
  ["SELECT * FROM parquet_metadata('/etc/passwd')"],
  ["SELECT * FROM query('SELECT 1')"],
  ["SELECT * FROM query_table('t')"],
  ["FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))"],
  ["SELECT (SELECT content FROM read_text('/etc/passwd'))"],
  ["SELECT * FROM t WHERE a IN (SELECT size FROM read_blob('/etc/passwd'))"],
  ['SELECT * FROM duckdb_settings()'],
  ['SELECT * FROM duckdb_secrets()'],
  ['SELECT * FROM information_schema.tables'],
  ['SELECT * FROM main.t'],
  ['SELECT * FROM sqlite_master'],
  ['WITH pg_class AS (SELECT 1) SELECT * FROM pg_class'],
  ["SELECT getenv('HOME')"],
  ["SELECT current_setting('allowed_paths')"],
  ['DESCRIBE t'],
  ['SHOW TABLES'],
  ["COPY t TO '/tmp/evil.csv'"],
  ["COPY (SELECT 1) TO '/tmp/evil.csv'"],
  ["ATTACH '/tmp/evil.db' AS evil"],
  ['INSTALL httpfs'],
  ['LOAD httpfs'],
  ['PRAGMA database_list'],
  ['SET memory_limit = 1'],
  ['RESET lock_configuration'],
  ['CREATE TABLE x (a INTEGER)'],
  ['DROP VIEW t'],
  ['INSERT INTO t VALUES (1, 2)'],
  ['SELECT 1; SELECT 2'],
  ['SELECT 1; DROP VIEW t'],
  ['EXECUTE x'],
  ["EXPORT DATABASE '/tmp/evil'"],
  ['CALL pragma_version()'],
])('refused: %s', async (sql) => {
  await expect(count(sql)).rejects.toMatchObject({
    reason: expect.stringMatching(/^SQL_(FORBIDDEN|UNKNOWN_TABLE|SYNTAX)$/),
  });
});

test.each([
  ["SELECT * FROM read_text('/etc/passwd')"],
  ["SELECT * FROM '/etc/passwd.csv'"],
  ["SELECT * FROM glob('/etc/*')"],
  ["COPY (SELECT 1) TO '/tmp/evil.csv'"],
  ["ATTACH '/tmp/evil.db' AS evil"],
  ['INSTALL httpfs'],
  ['LOAD httpfs'],
  ['SET enable_external_access = true'],
  ['SET memory_limit = 1000000000'],
  ["SET allowed_paths = ['/etc/passwd']"],
])('the locked engine alone refuses: %s', async (sql) => {
  const scratch = `${rig.directory}/scratch`;
  const bounds = { memoryMib: 64, threads: 1, timeoutMs: 10_000, rowsMax: 10, scratch };
  const run = async () => {
    const result = await runUserQuery({ sql, views: {}, paths: [], ...bounds });
    for await (const _ of result.batches);
  };
  await expect(run()).rejects.toThrow();
});

test('a path in a dataset name or literal is only text', async () => {
  const name = `x" AS SELECT * FROM read_text('/etc/passwd'); --`;
  const result = await rig.engine.query('SELECT 1 AS one', { datasets: { [name]: t } });
  expect(result.schema).toEqual([{ name: 'one', type: 'int32' }]);
  await result.close();
  expect(await count(`SELECT ${quoteLiteral("'; DROP VIEW t; --")} FROM t LIMIT 1`)).toBe(1);
});

test.each([
  ['SELECT\n  nope FROM t', 'SQL_UNKNOWN_COLUMN', '2', '3'],
  ['SELECT a + FROM t', 'SQL_SYNTAX', '1', '12'],
  ['SELECT nofunc(a) FROM t', 'SQL_UNKNOWN_FUNCTION', '1', '8'],
  ['SELECT a\nFROM nowhere', 'SQL_UNKNOWN_TABLE', '2', '6'],
  ["SELECT CAST('abc' AS INTEGER)", 'SQL_CAST', '1', '8'],
])('%j: %s with its place', async (sql, reason, line, column) => {
  await expect(count(sql)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', reason, fields: { line, column } });
});

test('time, memory and cancellation end a query', async () => {
  const endless = 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b';
  await expect(count(endless, { timeoutMs: 200 })).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    reason: 'SQL_TIMEOUT',
  });
  await expect(count(endless, { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ code: 'CANCELLED' });
  const greedy = "SELECT list(range::VARCHAR || repeat('x', 100)) FROM range(100000000)";
  await expect(count(greedy, { memoryMib: 64 })).rejects.toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'SQL_OUT_OF_MEMORY',
  });
  await expect(count('')).rejects.toMatchObject({ reason: 'SQL_SYNTAX' });
  await expect(count(`SELECT '${'x'.repeat(100_001)}'`)).rejects.toMatchObject({ reason: 'SQL_TOO_LONG' });
});
