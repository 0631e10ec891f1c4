import { DuckDBInstance } from '@duckdb/node-api';
import type { SerializeSql } from './syntax.ts';

/** A DuckDB for one test file, with its parser. */
export interface TestDuckDb {
  readonly serializeSql: SerializeSql;
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<unknown[][]>;
  close(): void;
}

/** Opens an in-memory DuckDB; the values of `rows` are what the client gives (DuckDBTimestampValue and so on). */
export async function openTestDuckDb(): Promise<TestDuckDb> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRows() as unknown[][];
  return {
    rows,
    async run(sql) {
      await connection.run(sql);
    },
    async serializeSql(sql) {
      const reader = await connection.runAndReadAll(
        'SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true)',
        [sql],
      );
      return JSON.parse(String(reader.getRows()[0]?.[0]));
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
