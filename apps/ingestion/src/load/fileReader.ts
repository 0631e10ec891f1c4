import { extname } from 'node:path';
import type { FileSource } from '@millrace/contracts/millrace/ingestion/v1/source';
import { FileFormat } from '@millrace/contracts/millrace/ingestion/v1/source';
import { invalidArgument } from '@millrace/kernel';
import type { Source, SourceFormat, TableConnection } from '@millrace/tables';
import { expandSourcePaths, inspectSource, quoteList, readerSql, stageSource } from '@millrace/tables';
import { datasetColumns } from '../domain/columnTypes.ts';
import { csvRejectsSql } from './csvRejects.ts';
import type { OpenSource } from './readers.ts';
import { letterSql } from './rejects.ts';

const FORMATS: Readonly<Record<number, SourceFormat>> = {
  [FileFormat.PARQUET]: 'parquet',
  [FileFormat.CSV]: 'csv',
  [FileFormat.NDJSON]: 'ndjson',
};

const EXTENSIONS: Readonly<Record<string, SourceFormat>> = {
  '.parquet': 'parquet',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
};

/** How files are opened. */
export interface FileReaderOptions {
  /** Directories that may be read; empty: any. */
  readonly within: readonly string[];
  readonly scratchDirectory: () => Promise<string>;
}

/**
 * Opens files of one format. Errors: those of `expandSourcePaths` and `inspectSource`, INVALID_ARGUMENT
 * `FILE_FORMAT_UNKNOWN` when the extensions do not tell one format.
 */
export async function openFiles(
  connection: TableConnection,
  file: FileSource,
  options: FileReaderOptions,
): Promise<OpenSource> {
  const paths = await expandSourcePaths(file.paths, options.within.length > 0 ? { within: options.within } : {});
  const source = toSource(file, paths);
  const columns = datasetColumns(await inspectSource(connection, source));
  return {
    columns,
    isText: source.format !== 'parquet',
    trustingSql: readerSql({ ...source, columns }),
    async stage(own, wanted) {
      const staged = await stageSource(own, { ...source, columns: wanted });
      const totalRows = source.format === 'parquet' ? await parquetRows(own, paths) : undefined;
      if (staged.rejected === 0) return { rowsSql: staged.rowsSql, rejectsSql: undefined, totalRows };
      const rejectsSql =
        source.format === 'csv'
          ? await csvRejectsSql(own, staged.rejectsSql, source, options.scratchDirectory)
          : letterSql(staged.rejectsSql);
      return { rowsSql: staged.rowsSql, rejectsSql, totalRows };
    },
    close: () => Promise.resolve(),
  };
}

function toSource(file: FileSource, paths: readonly string[]): Source {
  const format = FORMATS[file.format] ?? formatOf(paths);
  if (format !== 'csv') return { format, paths };
  const isTabbed = file.delimiter === '' && paths.every((path) => extname(path).toLowerCase() === '.tsv');
  const delimiter = isTabbed ? '\t' : file.delimiter || ',';
  return { format, paths, options: { delimiter, nullText: file.nullText } };
}

function formatOf(paths: readonly string[]): SourceFormat {
  const found = new Set(paths.map((path) => EXTENSIONS[extname(path).toLowerCase()]));
  const [format] = found;
  if (found.size === 1 && format) return format;
  throw invalidArgument('FILE_FORMAT_UNKNOWN', [
    {
      field: 'source.file.format',
      reason: 'FILE_FORMAT_UNKNOWN',
      description: `The extensions of ${paths.slice(0, 3).join(', ')} do not tell one format (${Object.keys(EXTENSIONS).join(', ')}). Set the format.`,
    },
  ]);
}

async function parquetRows(connection: TableConnection, paths: readonly string[]): Promise<number> {
  const [row] = await connection.rows<{ n: number }>(
    `SELECT CAST(sum(num_rows) AS BIGINT) AS n FROM parquet_file_metadata(${quoteList(paths)})`,
  );
  return row!.n;
}
