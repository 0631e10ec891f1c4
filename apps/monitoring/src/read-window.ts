import type { Digest } from '@millrace/kernel';
import { AppError } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import { type ColumnSchema, profileSql } from '@millrace/profiles';
import {
  type ColumnData,
  isNullAt,
  quoteIdentifier,
  quoteList,
  quoteLiteral,
  type TableConnection,
} from '@millrace/tables';
import type { MonitoringConfig } from './config.ts';
import type { LogIndex, Span } from './log-index.ts';
import { findLabels } from './store/ground-truth.ts';

/** What reading works with. */
export interface ReadDeps {
  readonly platform: Platform;
  readonly database: Database;
  readonly config: MonitoringConfig;
  readonly logIndex: LogIndex;
}

/** The predictions of one model version in a window. */
export interface VersionWindow {
  readonly modelVersion: string;
  readonly rows: number;
}

/** A window while it is open: read it within the action of {@link withWindow} only. */
export interface Window {
  /** Model versions that answered, by name. */
  readonly versions: readonly VersionWindow[];
  /** Names of the columns that the log has. */
  readonly columns: readonly string[];
  /** The answer of `profileSql`'s query over a version's rows; `schema` may only have columns of the log. */
  profile(modelVersion: string, schema: readonly ColumnSchema[], relativeAccuracy: number): Promise<string>;
  /** A version's predictions in order of event time, with their truth; NaN for what is missing or not known. */
  outcomes(modelVersion: string): Promise<{ readonly predictions: Float64Array; readonly labels: Float64Array }>;
}

/** Blobs that are verified at the same time. */
const PATHS_AT_A_TIME = 8;

const SQL_TYPES: Readonly<Record<ColumnSchema['type'], string>> = {
  integer: 'double',
  number: 'double',
  string: 'varchar',
  boolean: 'boolean',
  timestamp: 'timestamp',
};

/**
 * Reads the predictions of a span of event time into the table engine and runs `action` on them. Of several rows with one
 * prediction id the one with the newest request time counts. Where versions have different inputs, a version's rows are
 * null in the columns of others.
 *
 * @throws AppError RESOURCE_EXHAUSTED `WINDOW_TOO_LARGE`, `TOO_MANY_LOG_FILES`; NOT_FOUND `BLOB_NOT_FOUND`.
 */
export async function withWindow<T>(
  deps: ReadDeps,
  endpoint: string,
  span: Span,
  signal: AbortSignal,
  action: (window: Window) => Promise<T>,
): Promise<T> {
  const files = await deps.logIndex.filesIn(endpoint, span, signal);
  if (files.length === 0) return action(emptyWindow);
  const paths = await localPaths(
    deps.platform,
    files.map(({ digest }) => digest as Digest),
  );
  return deps.platform.tables.withConnection(
    async (connection) => {
      await loadRows(connection, paths, span, deps.config.windowRowsMax);
      return action(await openWindow(deps, connection, endpoint));
    },
    { signal },
  );
}

const emptyWindow: Window = {
  versions: [],
  columns: [],
  profile: () => Promise.reject(new Error('An empty window has no profile.')),
  outcomes: () => Promise.resolve({ predictions: new Float64Array(0), labels: new Float64Array(0) }),
};

async function localPaths(platform: Platform, digests: readonly Digest[]): Promise<string[]> {
  const paths: string[] = [];
  for (let i = 0; i < digests.length; i += PATHS_AT_A_TIME) {
    const some = digests.slice(i, i + PATHS_AT_A_TIME);
    paths.push(...(await Promise.all(some.map((digest) => platform.blobs.localPath(digest)))));
  }
  return paths;
}

async function loadRows(connection: TableConnection, paths: string[], span: Span, rowsMax: number): Promise<void> {
  const conditions = ['true'];
  if (span.start) conditions.push(`event_time::timestamp >= ${timeLiteral(span.start)}`);
  if (span.end) conditions.push(`event_time::timestamp < ${timeLiteral(span.end)}`);
  const from = `read_parquet(${quoteList(paths)}, union_by_name = true, filename = true, file_row_number = true)
    where ${conditions.join(' and ')}`;
  const [found] = await connection.rows<{ rows: number }>(`select count(*)::integer as rows from ${from}`);
  const rows = found?.rows ?? 0;
  if (rows > rowsMax)
    throw new AppError(
      'RESOURCE_EXHAUSTED',
      `The span has ${rows} logged predictions, more than ${rowsMax}. Take a shorter one, or raise windowRowsMax.`,
      { reason: 'WINDOW_TOO_LARGE', fields: { rows: String(rows), rowsMax: String(rowsMax) } },
    );
  await connection.run(
    `create temp table window_rows as select * exclude (filename, file_row_number) from ${from}
     qualify row_number() over (
       partition by prediction_id order by request_time desc, filename desc, file_row_number desc) = 1`,
  );
}

async function openWindow(deps: ReadDeps, connection: TableConnection, endpoint: string): Promise<Window> {
  const { schema } = await connection.columns('select * from window_rows limit 0');
  const versions = await connection.rows<VersionWindow>(
    `select model_version as "modelVersion", count(*)::integer as rows from window_rows group by 1 order by 1`,
  );
  const ofVersion = (modelVersion: string) => `from window_rows where model_version = ${quoteLiteral(modelVersion)}`;
  return {
    versions,
    columns: schema.map(({ name }) => name),
    async profile(modelVersion, columns, relativeAccuracy) {
      const casts = columns.map(({ name, type }) => {
        const column = quoteIdentifier(name);
        return `try_cast(${column} as ${SQL_TYPES[type]}) as ${column}`;
      });
      const { sql } = profileSql(columns, {
        from: `(select ${casts.join(', ')} ${ofVersion(modelVersion)})`,
        relativeAccuracy,
      });
      const [row] = await connection.rows<{ profile: string }>(sql);
      return row?.profile ?? '';
    },
    async outcomes(modelVersion) {
      const { rows, columns } = await connection.table(
        `select prediction_id::varchar as id, prediction::double as prediction ${ofVersion(modelVersion)}
         order by event_time, prediction_id`,
      );
      const ids = (columns.id?.values ?? []) as string[];
      const labels = new Float64Array(rows);
      for (let start = 0; start < rows; start += deps.config.truthChunkRows)
        labels.set(
          await findLabels(deps.database, endpoint, ids.slice(start, start + deps.config.truthChunkRows)),
          start,
        );
      return { predictions: withNaN(columns.prediction), labels };
    },
  };
}

function withNaN(column: ColumnData | undefined): Float64Array {
  if (!column) return new Float64Array(0);
  const values = column.values as Float64Array;
  if (column.validity) for (let i = 0; i < values.length; i++) if (isNullAt(column, i)) values[i] = Number.NaN;
  return values;
}

function timeLiteral(time: Date): string {
  return `timestamp '${time.toISOString().replace('T', ' ').replace('Z', '')}'`;
}
