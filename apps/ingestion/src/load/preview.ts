import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Source } from '@millrace/contracts/millrace/ingestion/v1/source';
import { invariant, isAppError } from '@millrace/kernel';
import type { TableConnection } from '@millrace/tables';
import type { IngestionDeps } from '../deps.ts';
import { toSchema } from '../translate.ts';
import { openFiles } from './fileReader.ts';
import { openPostgres } from './postgresReader.ts';
import type { OpenSource } from './readers.ts';

/** The columns and first rows of a source, as a load would read them; rows that do not fit are left out. */
export async function previewSource(deps: IngestionDeps, source: Source, rowsMax: number, signal: AbortSignal) {
  const directory = join(await deps.scratchDirectory(), `preview-${randomBytes(6).toString('hex')}`);
  const scratchDirectory = async () => {
    await mkdir(directory, { recursive: true });
    return directory;
  };
  try {
    return await deps.platform.tables.withConnection(
      async (connection) => {
        const { location } = source;
        invariant(location.case, 'a source has a location');
        const opened =
          location.case === 'file'
            ? await openFiles(connection, location.value, { within: deps.config.sourceDirectories, scratchDirectory })
            : await openPostgres(limited(location.value, rowsMax), {
                scratchDirectory,
                signal,
                environment: process.env,
              });
        try {
          const rows = await firstRows(connection, opened, rowsMax);
          return { schema: { fields: toSchema(opened.columns) }, rowsJson: rows.map(({ row }) => row) };
        } finally {
          await opened.close();
        }
      },
      { signal },
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function limited<P extends { query: string }>(source: P, rowsMax: number): P {
  return { ...source, query: `select * from (${source.query}\n) as preview limit ${rowsMax}` };
}

/** Reads no further than the rows that are wanted, unless one of them does not fit: then all are sorted first. */
async function firstRows(connection: TableConnection, opened: OpenSource, rowsMax: number): Promise<{ row: string }[]> {
  const read = (sql: string) =>
    connection.rows<{ row: string }>(
      `SELECT CAST(to_json(millrace_row) AS VARCHAR) AS row FROM (SELECT * FROM (${sql}) LIMIT ${rowsMax}) millrace_row`,
    );
  if (opened.trustingSql !== undefined) {
    try {
      return await read(opened.trustingSql);
    } catch (error) {
      if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
    }
  }
  return read((await opened.stage(connection, opened.columns, undefined)).rowsSql);
}
