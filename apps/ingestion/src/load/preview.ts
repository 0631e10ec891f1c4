import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Source } from '@millrace/contracts/millrace/ingestion/v1/source';
import { invariant } from '@millrace/kernel';
import type { IngestionDeps } from '../deps.ts';
import { toSchema } from '../translate.ts';
import { openFiles } from './fileReader.ts';
import { openPostgres } from './postgresReader.ts';

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
          const { rowsSql } = await opened.stage(connection, opened.columns, undefined);
          const rows = await connection.rows<{ row: string }>(
            `SELECT CAST(to_json(r) AS VARCHAR) AS row FROM (SELECT * FROM (${rowsSql}) LIMIT ${rowsMax}) r`,
          );
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
