import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@millrace/kernel';
import { AppError, sha256 } from '@millrace/kernel';
import { isRetryable } from './errors.ts';
import type { Database, Tx } from './types.ts';

/** A directory of numbered files `000001_x.sql`. */
export interface MigrationSet {
  /** Tells the sets in one schema apart, for example `ingestion` or `events`. */
  readonly name: string;
  readonly directory: string;
}

/** One migration as it stands on disk. */
export interface MigrationFile {
  readonly set: string;
  readonly number: number;
  /** The file's name without number and ending. */
  readonly name: string;
  readonly sql: string;
  readonly digest: Digest;
  /** Whether a line `--! breaking` says that processes without this migration must not run on the schema. */
  readonly isBreaking: boolean;
}

interface AppliedMigration {
  readonly number: number;
  readonly name: string;
  readonly digest: string;
  readonly breaking: boolean;
}

/** The migrations of a set in order; throws FAILED_PRECONDITION `MIGRATION_FILE_INVALID` for a bad or doubled number. */
export async function readMigrations(set: MigrationSet): Promise<MigrationFile[]> {
  const names = (await readdir(set.directory)).filter((name) => name.endsWith('.sql')).sort();
  const files = await Promise.all(names.map((name) => readMigration(set, name)));
  files.forEach((file, i) => {
    if (file.number === files[i - 1]?.number)
      throw migrationError('MIGRATION_FILE_INVALID', file, 'has the number of another file');
  });
  return files;
}

/**
 * Applies what is missing of each set, in order, one transaction each, under an advisory lock of the schema, so any
 * number of processes may call this at once. Creates the schema and its table `migrations` when needed. Forward only.
 *
 * @returns the applied files as `set/000001_name`, in order.
 * @throws AppError FAILED_PRECONDITION with reason `MIGRATION_CHANGED` (an applied file was edited),
 *   `MIGRATION_OUT_OF_ORDER` (a file numbered below one that is applied), `SCHEMA_TOO_NEW` (the schema has a breaking
 *   migration that this code does not know) or `MIGRATION_FAILED` (with the server's error as its cause).
 */
export async function migrate(database: Database, sets: readonly MigrationSet[]): Promise<{ applied: string[] }> {
  const applied: string[] = [];
  await underLock(database, (tx) => createTable(tx));
  for (const set of sets) {
    const files = await readMigrations(set);
    let pending = await underLock(database, (tx) => findPending(tx, set, files));
    while (pending.length > 0) {
      const label = await underLock(database, (tx) => applyNext(tx, set, files));
      if (label) applied.push(label);
      pending = pending.slice(1);
    }
  }
  return { applied };
}

function underLock<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return database.withTransaction(async (tx) => {
    await tx.execute('set local statement_timeout = 0');
    await tx.execute('set local idle_in_transaction_session_timeout = 0');
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`millrace migrations ${tx.schema}`]);
    return await work(tx);
  });
}

async function createTable(tx: Tx): Promise<void> {
  await tx.execute(`
    create schema if not exists "${tx.schema}";
    create table if not exists migrations (
      "set" text not null,
      number integer not null,
      name text not null,
      digest text not null,
      breaking boolean not null,
      applied_at timestamptz not null default now(),
      primary key ("set", number)
    )`);
}

/** What of `files` is not applied yet, after checking what is. */
async function findPending(tx: Tx, set: MigrationSet, files: readonly MigrationFile[]): Promise<MigrationFile[]> {
  const rows = await tx.query<AppliedMigration>(
    'select number, name, digest, breaking from migrations where "set" = $1 order by number',
    [set.name],
  );
  const known = new Map(files.map((file) => [file.number, file]));
  for (const row of rows) {
    const file = known.get(row.number);
    if (file && file.digest !== row.digest) {
      throw migrationError(
        'MIGRATION_CHANGED',
        file,
        'differs from what was applied. Restore it and write a new migration',
      );
    }
    if (!file && row.breaking) {
      throw migrationError(
        'SCHEMA_TOO_NEW',
        { set: set.name, ...row },
        'is applied but unknown here, and breaks old processes. Run the newer release',
      );
    }
  }
  const last = rows.at(-1)?.number ?? 0;
  const appliedNumbers = new Set(rows.map(({ number }) => number));
  const pending = files.filter(({ number }) => !appliedNumbers.has(number));
  const late = pending.find(({ number }) => number < last);
  if (late)
    throw migrationError('MIGRATION_OUT_OF_ORDER', late, `is new but numbered below the applied ${last}. Renumber it`);
  return pending;
}

/** Applies the first pending migration, if another process has not done so meanwhile; gives its label. */
async function applyNext(tx: Tx, set: MigrationSet, files: readonly MigrationFile[]): Promise<string | undefined> {
  const [file] = await findPending(tx, set, files);
  if (!file) return undefined;
  try {
    await tx.execute(file.sql);
  } catch (error) {
    if (isRetryable(error)) throw error;
    throw migrationError('MIGRATION_FAILED', file, `failed: ${(error as Error).message}`, error);
  }
  await tx.execute('insert into migrations ("set", number, name, digest, breaking) values ($1, $2, $3, $4, $5)', [
    file.set,
    file.number,
    file.name,
    file.digest,
    file.isBreaking,
  ]);
  return labelOf(file);
}

async function readMigration(set: MigrationSet, fileName: string): Promise<MigrationFile> {
  const match = /^(\d{6})_([a-z0-9_]+)\.sql$/.exec(fileName);
  if (!match) {
    throw migrationError(
      'MIGRATION_FILE_INVALID',
      { set: set.name, number: 0, name: fileName },
      'is not named like 000001_what_it_does.sql',
    );
  }
  const sql = await readFile(join(set.directory, fileName), 'utf8');
  return {
    set: set.name,
    number: Number(match[1]),
    name: match[2] as string,
    sql,
    digest: sha256(sql),
    isBreaking: /^--! breaking\s*$/m.test(sql),
  };
}

type Labelled = Pick<MigrationFile, 'set' | 'number' | 'name'>;

function labelOf({ set, number, name }: Labelled): string {
  return `${set}/${String(number).padStart(6, '0')}_${name}`;
}

function migrationError(reason: string, file: Labelled, what: string, cause?: unknown): AppError {
  const migration = labelOf(file);
  return new AppError('FAILED_PRECONDITION', `The migration ${migration} ${what}.`, {
    reason,
    fields: { migration },
    cause,
  });
}
