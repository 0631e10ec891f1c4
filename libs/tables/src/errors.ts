import { AppError, type AppErrorOptions, type ErrorCode, isAppError } from '@millrace/kernel';

/** A place in an SQL text: both from 1, columns in characters. */
export interface SqlPosition {
  readonly line: number;
  readonly column: number;
}

/** Makes the error of an SQL text that a user wrote; `position` goes into message and fields. */
export function sqlError(
  code: ErrorCode,
  reason: string,
  message: string,
  options: {
    readonly position?: SqlPosition | undefined;
    readonly cause?: unknown;
    readonly fields?: AppErrorOptions['fields'];
  } = {},
): AppError {
  const { position, cause } = options;
  const fields = { ...options.fields, ...(position && { line: `${position.line}`, column: `${position.column}` }) };
  const at = position ? ` (line ${position.line}, column ${position.column})` : '';
  return new AppError(code, `${message}${at}`, { reason, fields, ...(cause === undefined ? {} : { cause }) });
}

/** Line and column of a character offset. */
export function positionAt(sql: string, offset: number): SqlPosition {
  const before = sql.slice(0, Math.max(0, offset));
  const line = before.split('\n').length;
  return { line, column: before.length - before.lastIndexOf('\n') };
}

/** The kinds of DuckDB errors (the text before ` Error:`), as what they mean to a caller. */
const KINDS: readonly (readonly [RegExp, ErrorCode, string, string])[] = [
  [/^INTERRUPT/, 'CANCELLED', 'CANCELLED', 'The query was cancelled.'],
  [
    /^Out of Memory/,
    'RESOURCE_EXHAUSTED',
    'SQL_OUT_OF_MEMORY',
    'Select fewer columns or rows, aggregate earlier, or allow more memory.',
  ],
  [/^(Parser|Syntax)/, 'INVALID_ARGUMENT', 'SQL_SYNTAX', 'Mend the SQL.'],
  [/^Permission/, 'PERMISSION_DENIED', 'SQL_FORBIDDEN', 'A query may read its declared datasets and nothing else.'],
  [/^(Conversion)/, 'INVALID_ARGUMENT', 'SQL_CAST', 'Use TRY_CAST to get null instead, or filter such rows.'],
  [/^(Out of Range)/, 'INVALID_ARGUMENT', 'SQL_OUT_OF_RANGE', 'Cast to a wider type first.'],
  [/^(Invalid Input|Mismatch Type|Constraint)/, 'INVALID_ARGUMENT', 'SQL_INVALID_INPUT', 'Mend the argument.'],
];

/**
 * Turns what DuckDB throws into an AppError: CANCELLED; `SQL_SYNTAX`, `SQL_UNKNOWN_COLUMN`, `SQL_UNKNOWN_TABLE`,
 * `SQL_UNKNOWN_FUNCTION`, `SQL_TYPE_MISMATCH`, `SQL_CAST`, `SQL_OUT_OF_RANGE`, `SQL_INVALID_INPUT`,
 * `SQL_FORBIDDEN`, `SQL_OUT_OF_MEMORY`, `FILE_MISSING`, `FILE_CORRUPT`, `STORAGE_FULL`, each with line and column where
 * DuckDB tells them. What it does not know comes back unchanged: a broken invariant.
 */
export function engineError(error: unknown, sql: string): unknown {
  if (isAppError(error)) return error;
  const text = textOf(error);
  const position = positionIn(text, sql);
  const options = { position, cause: error };
  const [kind, detail] = splitKind(firstParagraph(text));
  const file = fileError(text, error);
  if (file) return file;
  if (/No space left on device|temporary directory size|max_temp_directory_size/i.test(text))
    return sqlError(
      'RESOURCE_EXHAUSTED',
      /No space left/.test(text) ? 'STORAGE_FULL' : 'SQL_OUT_OF_MEMORY',
      `${detail} Free disk space, or work on fewer rows.`,
      options,
    );
  if (/^(Binder|Catalog)/.test(kind)) return binderError(detail, options);
  for (const [pattern, code, reason, remedy] of KINDS)
    if (pattern.test(kind)) return sqlError(code, reason, `${detail.replace(/\.?$/, '.')} ${remedy}`, options);
  return error;
}

function binderError(detail: string, options: { position: SqlPosition | undefined; cause: unknown }): AppError {
  const message = detail.replace(/\.?$/, '.');
  if (/Referenced column|does not have a column|not found in FROM clause|Referenced table/.test(detail)) {
    const column = /column (?:named )?"([^"]*)"/.exec(detail)?.[1];
    return sqlError('INVALID_ARGUMENT', 'SQL_UNKNOWN_COLUMN', message, {
      ...options,
      fields: column ? { name: column } : {},
    });
  }
  if (/Table with name/.test(detail)) {
    const name = /Table with name (.*?) does not exist/.exec(detail)?.[1] ?? '';
    return sqlError(
      'INVALID_ARGUMENT',
      'SQL_UNKNOWN_TABLE',
      `There is no dataset "${name}" in this query. Declare it, or mend the name.`,
      { ...options, fields: { name } },
    );
  }
  if (/Function with name/.test(detail)) return sqlError('INVALID_ARGUMENT', 'SQL_UNKNOWN_FUNCTION', message, options);
  if (/No function matches|Cannot (mix|compare|cast)|types/.test(detail))
    return sqlError('INVALID_ARGUMENT', 'SQL_TYPE_MISMATCH', message, options);
  return sqlError('INVALID_ARGUMENT', 'SQL_INVALID', message, options);
}

/** Errors of files, whatever kind DuckDB gives them. */
function fileError(text: string, cause: unknown): AppError | undefined {
  const missing =
    /No files found that match the pattern "([^"]*)"/.exec(text) ??
    /Cannot open file "([^"]*)": No such file/.exec(text);
  if (missing) return fileMissing(missing[1]!, cause);
  const corrupt =
    /(?:No magic bytes found at end of file|File) '([^']*)'(?: too small to be a Parquet file)?/.exec(text) ??
    /(?:in|of|reading) file "([^"]*)"/.exec(text);
  if (corrupt && /magic bytes|too small|Parquet|thrift|footer|TProtocol|decompress|ZSTD|Snappy|corrupt/i.test(text))
    return fileCorrupt(corrupt[1]!, cause);
  if (/TProtocolException|Invalid footer|thrift|Failed to decompress|corrupt Parquet/i.test(text))
    return fileCorrupt('', cause);
  return undefined;
}

/** NOT_FOUND `FILE_MISSING`: a path or glob matches nothing. */
export function fileMissing(path: string, cause?: unknown): AppError {
  return new AppError('NOT_FOUND', `There is no file ${path}. Check the path or the pattern.`, {
    reason: 'FILE_MISSING',
    fields: { path },
    cause,
  });
}

/** INVALID_ARGUMENT `FILE_CORRUPT`: the file is not whole, or not of its format. */
export function fileCorrupt(path: string, cause?: unknown): AppError {
  return new AppError(
    'INVALID_ARGUMENT',
    `The file ${path} is truncated or not a Parquet file. Deliver it again, whole.`,
    {
      reason: 'FILE_CORRUPT',
      fields: { path },
      cause,
    },
  );
}

/** The message of a native error, which may come from another realm and is then no `Error` of this one. */
function textOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}

function firstParagraph(text: string): string {
  return text.split(/\n\s*\n|\nLINE \d|\nPossible solutions|\n\tCandidate/)[0]!.replaceAll('\n', ' ');
}

function splitKind(text: string): [string, string] {
  const match = /^([A-Za-z ]+?) Error: /.exec(text);
  return match ? [match[1]!, text.slice(match[0].length)] : ['', text];
}

/** Reads the `LINE n: …` and caret that DuckDB appends; long lines are shown cut at both ends with `...`. */
function positionIn(text: string, sql: string): SqlPosition | undefined {
  const match = /LINE (\d+): (.*)\n( *)\^/.exec(text);
  if (!match) return undefined;
  const line = Number(match[1]);
  const caret = match[3]!.length - `LINE ${match[1]}: `.length;
  const isCut = match[2]!.startsWith('...');
  if (!isCut) return { line, column: caret + 1 };
  const shown = match[2]!.replace(/^\.\.\./, '').replace(/\.\.\.$/, '');
  const start = (sql.split('\n')[line - 1] ?? '').indexOf(shown);
  return start < 0 ? undefined : { line, column: start + caret - 3 + 1 };
}
