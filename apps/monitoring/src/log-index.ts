import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { PredictionLogFile } from '@millrace/contracts/millrace/serving/v1/endpoint';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { AppError, isAppError } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import { createClient } from '@millrace/rpc';
import { findLogFiles, hasLogFiles, insertLogFiles, type LogFileRow } from './store/log-files.ts';

/** A span of event time, start inclusive, end exclusive; null: open. */
export interface Span {
  readonly start: Date | null;
  readonly end: Date | null;
}

/** Which files of an endpoint's prediction log there are. */
export interface LogIndex {
  /**
   * The files with rows in a span, oldest first. Serving is asked for files whose event has not come yet, so that what was
   * flushed before the call is never missed.
   *
   * @throws AppError RESOURCE_EXHAUSTED `TOO_MANY_LOG_FILES`.
   */
  filesIn(endpoint: string, span: Span, signal: AbortSignal): Promise<LogFileRow[]>;
  /** Resolves when the endpoint exists or has logged; throws NOT_FOUND `ENDPOINT_NOT_FOUND` otherwise. */
  requireEndpoint(endpoint: string, signal: AbortSignal): Promise<void>;
}

const PAGE_SIZE = 1000;
/** Endpoints known to exist that are kept in memory. */
const KNOWN_MAX = 1000;

/** The index in the service's schema, which events and serving's own list fill. */
export function createLogIndex(platform: Platform, database: Database, filesMax: number): LogIndex {
  const serving = createClient(ServingService, platform.channel('serving'));
  const known = new Set<string>();

  const catchUp = async (endpoint: string, span: Span, signal: AbortSignal) => {
    const bounds = {
      ...(span.start && { startTime: timestampFromDate(span.start) }),
      ...(span.end && { endTime: timestampFromDate(span.end) }),
    };
    let pageToken = '';
    do {
      const page = await serving.listPredictionLogFiles(
        { parent: endpoint, pageSize: PAGE_SIZE, pageToken, ...bounds },
        { signal },
      );
      await insertLogFiles(database, page.files.map(logFileOf));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  };

  return {
    async filesIn(endpoint, span, signal) {
      try {
        await catchUp(endpoint, span, signal);
      } catch (error) {
        // An endpoint that was deleted has its log still.
        if (!isAppError(error) || error.code !== 'NOT_FOUND') throw error;
      }
      const files = await findLogFiles(database, endpoint, span, filesMax + 1);
      if (files.length > filesMax)
        throw new AppError(
          'RESOURCE_EXHAUSTED',
          `Endpoint "${endpoint}" has more than ${filesMax} prediction log files in the span. Take a shorter one.`,
          { reason: 'TOO_MANY_LOG_FILES', fields: { endpoint, filesMax: String(filesMax) } },
        );
      return files;
    },
    async requireEndpoint(endpoint, signal) {
      if (known.has(endpoint)) return;
      if (!(await hasLogFiles(database, endpoint))) await serving.getEndpoint({ name: endpoint }, { signal });
      if (known.size >= KNOWN_MAX) known.clear();
      known.add(endpoint);
    },
  };
}

/** A file of the contract as a row. */
export function logFileOf(file: PredictionLogFile): LogFileRow {
  return {
    endpoint: file.endpoint,
    digest: file.digest,
    rows: Number(file.rows),
    startTime: file.startTime ? timestampDate(file.startTime) : new Date(0),
    endTime: file.endTime ? timestampDate(file.endTime) : new Date(0),
    rowsByVersion: Object.fromEntries(Object.entries(file.rowsByVersion).map(([name, rows]) => [name, Number(rows)])),
    sequence: Number(file.sequence),
  };
}
