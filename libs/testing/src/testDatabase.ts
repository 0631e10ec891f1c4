import { randomBytes } from 'node:crypto';
import { env } from 'node:process';
import { AppError, sha256 } from '@millrace/kernel';
import type { Database, MigrationSet } from '@millrace/postgres';
import { migrate, openDatabase, readMigrations } from '@millrace/postgres';

/** What the database of a test holds. */
export interface TestDatabaseOptions {
  /** The schema that the migrations fill and that is the search path. Created also when there are no migrations. */
  readonly schema: string;
  readonly migrations?: readonly MigrationSet[];
}

/** A database of a test's own. */
export interface TestDatabase extends AsyncDisposable {
  /** For further connections, as superuser. */
  readonly url: string;
  /** Open on the schema. */
  readonly database: Database;
  /** Closes `database` and drops the database with all of its connections. Safe to call twice. */
  drop(): Promise<void>;
}

/**
 * Makes a database for one test file on the server of the test run (environment `MILLRACE_TEST_POSTGRES_URL`, set by
 * `tools/test/run.ts`). It is a clone of a template that is migrated once for each distinct set of migrations, so a call
 * costs some 50 ms. Drop it in `afterAll`, or hold it with `await using`.
 */
export async function createTestDatabase(options: TestDatabaseOptions): Promise<TestDatabase> {
  const server = serverUrl();
  const admin = openDatabase({
    url: server,
    schema: 'public',
    applicationName: 'test-databases',
    poolMax: 1,
    statementTimeoutMs: 0,
  });
  const name = `test_${options.schema}_${randomBytes(6).toString('hex')}`.slice(0, 63);
  try {
    const template = await ensureTemplate(admin, server, options);
    await admin.execute(`create database "${name}" template "${template}"`);
  } finally {
    await admin.close();
  }
  const url = withDatabase(server, name);
  const database = openDatabase({ url, schema: options.schema, applicationName: `test ${options.schema}` });
  let dropping: Promise<void> | undefined;
  const drop = () => {
    dropping ??= database.close().then(() => dropDatabase(server, name));
    return dropping;
  };
  return { url, database, drop, [Symbol.asyncDispose]: drop };
}

/** Gives the name of the migrated template, making it when it is not there. Processes take turns by an advisory lock. */
async function ensureTemplate(admin: Database, server: string, options: TestDatabaseOptions): Promise<string> {
  const sets = options.migrations ?? [];
  const files = (await Promise.all(sets.map(readMigrations))).flat();
  const content = [options.schema, ...files.map(({ set, number, name, digest }) => [set, number, name, digest])];
  const template = `template_${sha256(JSON.stringify(content)).slice('sha256:'.length, 'sha256:'.length + 24)}`;
  const exists = async () =>
    (await admin.maybeOne('select 1 from pg_database where datname = $1', [template])) !== undefined;
  if (await exists()) return template;

  // `create database` cannot run in a transaction, so the lock is the session's; the pool has one connection.
  await admin.query('select pg_advisory_lock(hashtextextended($1, 0))', [template]);
  try {
    if (!(await exists())) await makeTemplate(admin, server, template, options);
  } finally {
    await admin.query('select pg_advisory_unlock(hashtextextended($1, 0))', [template]);
  }
  return template;
}

/** Only a finished template bears the name, so one whose maker was killed half-way is made anew. */
async function makeTemplate(
  admin: Database,
  server: string,
  template: string,
  options: TestDatabaseOptions,
): Promise<void> {
  const unfinished = `${template}_unfinished`;
  await admin.execute(`drop database if exists "${unfinished}" with (force)`);
  // Nobody ever connects to `template0`, so copies made at the same time do not clash.
  await admin.execute(`create database "${unfinished}" template template0`);
  const database = openDatabase({
    url: withDatabase(server, unfinished),
    schema: options.schema,
    applicationName: 'test-template',
  });
  try {
    if (options.migrations?.length) await migrate(database, options.migrations);
    else await database.execute(`create schema if not exists "${options.schema}"`);
  } finally {
    await database.close();
  }
  await admin.execute(`alter database "${unfinished}" rename to "${template}"`);
}

async function dropDatabase(server: string, name: string): Promise<void> {
  const admin = openDatabase({ url: server, schema: 'public', applicationName: 'test-databases', poolMax: 1 });
  try {
    await admin.execute(`drop database if exists "${name}" with (force)`);
  } finally {
    await admin.close();
  }
}

function serverUrl(): string {
  const url = env.MILLRACE_TEST_POSTGRES_URL;
  if (url) return url;
  throw new AppError(
    'FAILED_PRECONDITION',
    'MILLRACE_TEST_POSTGRES_URL is not set. Run the tests with tools/test/run.ts.',
    {
      reason: 'TEST_POSTGRES_MISSING',
    },
  );
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.toString();
}
