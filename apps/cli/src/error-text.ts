import { readFile } from 'node:fs/promises';
import type { AppError } from '@millrace/kernel';
import { isAppError, messageOf } from '@millrace/kernel';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { excerpt, placeOf } from './render/excerpt.ts';
import { oneLine } from './render/width.ts';
import type { Session } from './session.ts';

/** Remedies that only the command line knows, by reason. */
const REMEDIES: Readonly<Record<string, (session: Session) => string>> = {
  PLATFORM_NOT_RUNNING: ({ directory }) =>
    `Start it with: millrace up --dir ${quoted(directory)}\nor name another one: --dir <directory>, --address <host:port>`,
  SERVER_UNREACHABLE: ({ directory }) =>
    `See whether it runs: millrace status; start it: millrace up --dir ${quoted(directory)}`,
  DATA_DIRECTORY_IN_USE: () => 'Stop that platform first, or choose another directory: millrace up --dir <directory>',
  ADDRESS_UNAVAILABLE: () => 'Choose other ports: millrace up --grpc-port 0 --gateway-port 0',
  PIPELINE_NOT_FOUND: () => 'List what exists: millrace pipelines ls',
  PIPELINE_RUN_NOT_FOUND: () => 'List what exists: millrace pipelines runs',
  DATASET_NOT_FOUND: () => 'List what exists: millrace datasets ls',
  DATASET_VERSION_NOT_FOUND: () => 'List what exists: millrace datasets versions <dataset>',
  REGISTERED_MODEL_NOT_FOUND: () => 'List what exists: millrace models ls',
  MODEL_VERSION_NOT_FOUND: () => 'List what exists: millrace models show <model>',
  ENDPOINT_NOT_FOUND: () => 'List what exists: millrace endpoints ls',
  RUN_NOT_FOUND: () => 'List what exists: millrace runs ls',
  MONITOR_NOT_FOUND: () => 'List what exists: millrace drift ls',
  USAGE: () => 'See: millrace --help',
};

/** Writes an error to stderr, as text or as a JSON object, and gives the exit code. */
export async function reportError(error: unknown, session: Session): Promise<number> {
  if (session.signal.aborted) {
    if (!session.isJson) session.io.stderr.write('interrupted\n');
    return EXIT.interrupted;
  }
  if (!isAppError(error)) {
    if (session.isJson) writeJson(session, { code: 'INTERNAL', reason: 'INTERNAL', message: messageOf(error) });
    else session.io.stderr.write(`${session.style.bad('error:')} ${stackOf(error)}\n`);
    return EXIT.failed;
  }
  const remedy = REMEDIES[error.reason]?.(session);
  if (session.isJson) {
    const { code, reason, message, fields, violations, retryAfterMs } = error;
    writeJson(session, { code, reason, message, fields, violations, retryAfterMs, remedy });
  } else {
    session.io.stderr.write(`${(await errorLines(error, remedy, session)).join('\n')}\n`);
  }
  return exitCodeOf(error.code);
}

async function errorLines(error: AppError, remedy: string | undefined, session: Session): Promise<string[]> {
  const { style } = session;
  const lines: string[] = [];
  if (error.violations.length === 0) lines.push(`${style.bad('error:')} ${error.message}`);
  else if (error.violations.length === 1)
    lines.push(`${style.bad('error:')} ${await violationText(error.violations[0], session)}`);
  else {
    lines.push(`${style.bad('error:')} ${error.violations.length} things are wrong (${error.reason})`);
    for (const violation of error.violations) lines.push(await violationText(violation, session));
  }
  if (error.retryAfterMs !== undefined) lines.push(`Try again in ${Math.ceil(error.retryAfterMs / 1000)} s.`);
  if (remedy) lines.push(...remedy.split('\n').map((line) => style.dim(line)));
  return lines;
}

/** `file:line:column: what is wrong` with the line and a caret below; or `field: what is wrong`. */
async function violationText(violation: AppError['violations'][number] | undefined, session: Session): Promise<string> {
  if (!violation) return '';
  const place = placeOf(violation.description);
  if (!place) return `${violation.field}: ${oneLine(violation.description)}`;
  const text = await readFile(place.path, 'utf8').catch(() => undefined);
  const shown = text === undefined ? [] : excerpt(text, place.line, place.column, session.width);
  return [
    `${session.style.bold(`${place.path}:${place.line}:${place.column}`)}: ${oneLine(place.rest)}`,
    ...shown.map((line) => session.style.dim(line)),
  ].join('\n');
}

function writeJson(session: Session, error: object): void {
  session.io.stderr.write(`${JSON.stringify({ error })}\n`);
}

/** A broken invariant is a bug: where it happened helps whoever reports it. */
function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
