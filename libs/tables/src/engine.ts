import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { BlobStore } from '@millrace/blobs';
import { AppError, type Digest } from '@millrace/kernel';
import { DuckDbConnection, interruptOn, type TableConnection } from './connection.ts';
import { checkQuery } from './guard.ts';
import type { Manifest } from './manifest.ts';
import type { Parameters } from './parameters.ts';
import { type WriteResult, type WriteSpec, writeParquet } from './parquet-writer.ts';
import { PhysicalSchemas } from './physical-schemas.ts';
import { readPlainSql, readSql } from './relation.ts';
import { quoteIdentifier } from './sql.ts';
import { parseSql } from './syntax.ts';
import { type QueryResult, runUserQuery } from './user-query.ts';

/** What an engine is made of. */
export interface TableEngineOptions {
  readonly blobs: BlobStore;
  /** For spilling and for files under construction. On the blob store's file system, finished files are renamed into it and not copied. */
  readonly temporaryDirectory: string;
  /** Memory of the shared engine; it spills beyond. User queries have their own, see {@link QueryOptions}. */
  readonly memoryMib: number;
  readonly threads: number;
}

/** What a user query sees, and its bounds. */
export interface QueryOptions {
  /** The versions it may read, by the name under which the SQL knows them. */
  readonly datasets: Readonly<Record<string, Manifest>>;
  readonly parameters?: Parameters;
  /** 512 unless given. */
  readonly memoryMib?: number;
  /** Time until the last batch is read; 60,000 unless given. */
  readonly timeoutMs?: number;
  /** Rows after which the result is cut; 10,000,000 unless given. */
  readonly rowsMax?: number;
  readonly signal?: AbortSignal;
}

/** How platform SQL is run. */
export interface ConnectionOptions {
  /** Versions to offer as temporary views, by name. */
  readonly inputs?: Readonly<Record<string, Manifest>>;
  /** Interrupts the running statement, which then fails with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** DuckDB over dataset versions. */
export interface TableEngine {
  /** Runs one SELECT of a user's, which sees its datasets and nothing else. */
  query(sql: string, options: QueryOptions): Promise<QueryResult>;
  /** Runs `action` with a connection to the shared engine, which is closed afterwards. */
  withConnection<T>(action: (connection: TableConnection) => Promise<T>, options?: ConnectionOptions): Promise<T>;
  /** Writes the rows of a query of the platform's own as Parquet files in the blob store; see `writeParquet`. */
  writeParquet(spec: WriteSpec & ConnectionOptions & { readonly connection?: TableConnection }): Promise<WriteResult>;
  /** The SQL that reads a version, its files verified and local: `FROM (${await engine.relationSql(manifest)})`. */
  relationSql(manifest: Manifest): Promise<string>;
  /** The syntax trees of an SQL text; see `parseSql` for its errors. */
  serializeSql(sql: string): Promise<readonly unknown[]>;
  /** Checks a user query without running it: syntax, what it reads, and that its names and types hold. Gives its columns. */
  checkQuery(sql: string, options: Pick<QueryOptions, 'datasets' | 'parameters'>): Promise<QueryResult['schema']>;
  /** Ends running statements and frees memory and temporary files. */
  close(): Promise<void>;
}

/** User queries that run at the same time; more wait in line. */
const USER_QUERIES_MAX = 4;

/** Opens an engine. One per process: its memory limit is shared by all connections. */
export async function createTableEngine(options: TableEngineOptions): Promise<TableEngine> {
  const directory = join(
    resolve(options.temporaryDirectory),
    `duckdb-${process.pid}-${randomBytes(4).toString('hex')}`,
  );
  await mkdir(directory, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    threads: `${options.threads}`,
    memory_limit: `${options.memoryMib}MiB`,
    temp_directory: join(directory, 'spill'),
  });
  return new DuckDbEngine(instance, directory, options);
}

class DuckDbEngine implements TableEngine {
  readonly #instance: DuckDBInstance;
  readonly #directory: string;
  readonly #options: TableEngineOptions;
  readonly #physical = new PhysicalSchemas();
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #userQueries = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(instance: DuckDBInstance, directory: string, options: TableEngineOptions) {
    this.#instance = instance;
    this.#directory = directory;
    this.#options = options;
  }

  withConnection<T>(action: (connection: TableConnection) => Promise<T>, options: ConnectionOptions = {}): Promise<T> {
    const running = this.#connected(action, options);
    this.#running.add(running);
    const forget = () => this.#running.delete(running);
    running.then(forget, forget);
    return running;
  }

  async #connected<T>(action: (connection: TableConnection) => Promise<T>, options: ConnectionOptions): Promise<T> {
    const signal = options.signal ? AbortSignal.any([options.signal, this.#closing.signal]) : this.#closing.signal;
    if (signal.aborted)
      throw new AppError('CANCELLED', 'The work was cancelled before it began.', { reason: 'CANCELLED' });
    const raw = await this.#instance.connect();
    const interrupts = interruptOn(raw, signal);
    try {
      const connection = new DuckDbConnection(raw);
      await connection.run("SET TimeZone = 'UTC'");
      for (const [name, manifest] of Object.entries(options.inputs ?? {}))
        await connection.run(`CREATE TEMP VIEW ${quoteIdentifier(name)} AS ${await this.relationSql(manifest)}`);
      return await action(connection);
    } finally {
      interrupts.stop();
      raw.disconnectSync();
    }
  }

  writeParquet(spec: WriteSpec & ConnectionOptions & { readonly connection?: TableConnection }): Promise<WriteResult> {
    const write = (connection: TableConnection) =>
      writeParquet(connection, this.#options.blobs, this.#scratch('write'), spec);
    return spec.connection ? write(spec.connection) : this.withConnection(write, spec);
  }

  async relationSql(manifest: Manifest): Promise<string> {
    return this.#readSql(manifest, await this.#paths([manifest]));
  }

  /** The plain read where the files' columns are the version's, else the one by field ids. */
  async #readSql(manifest: Manifest, paths: ReadonlyMap<Digest, string>): Promise<string> {
    const own = new Map(manifest.files.map(({ digest }) => [digest, paths.get(digest) as string]));
    if (own.size === 0) return readSql(manifest, pathsIn(paths));
    const raw = await this.#instance.connect();
    try {
      const isPlain = await this.#physical.areAll(new DuckDbConnection(raw), manifest.schema, own);
      return isPlain ? readPlainSql([...own.values()]) : readSql(manifest, pathsIn(paths));
    } finally {
      raw.disconnectSync();
    }
  }

  serializeSql(sql: string): Promise<readonly unknown[]> {
    return this.withConnection((connection) => parseSql(connection, sql));
  }

  async checkQuery(
    sql: string,
    options: Pick<QueryOptions, 'datasets' | 'parameters'>,
  ): Promise<QueryResult['schema']> {
    const result = await this.query(sql, { ...options, rowsMax: 0 });
    await result.close();
    return result.schema;
  }

  async query(sql: string, options: QueryOptions): Promise<QueryResult> {
    const statements = await this.serializeSql(sql);
    checkQuery(sql, statements, Object.keys(options.datasets));
    const manifests = Object.values(options.datasets);
    const paths = await this.#paths(manifests);
    const views: Record<string, string> = {};
    for (const [name, manifest] of Object.entries(options.datasets)) views[name] = await this.#readSql(manifest, paths);
    await this.#enterUserQuery();
    try {
      const result = await runUserQuery({
        sql,
        views,
        paths: [...paths.values()],
        parameters: options.parameters,
        memoryMib: options.memoryMib ?? 512,
        threads: this.#options.threads,
        timeoutMs: options.timeoutMs ?? 60_000,
        rowsMax: options.rowsMax ?? 10_000_000,
        scratch: this.#scratch('query'),
        signal: options.signal ? AbortSignal.any([options.signal, this.#closing.signal]) : this.#closing.signal,
      });
      return this.#leavingOnClose(result);
    } catch (error) {
      this.#leaveUserQuery();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
    this.#instance.closeSync();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Frees the place in line when the result was read, given up or closed; only once. */
  #leavingOnClose(result: QueryResult): QueryResult {
    let isOpen = true;
    const leave = () => {
      if (isOpen) this.#leaveUserQuery();
      isOpen = false;
    };
    const batches = (async function* () {
      try {
        yield* result.batches;
      } finally {
        leave();
      }
    })();
    const close = async () => {
      leave();
      await result.close();
    };
    return { ...result, batches, close };
  }

  async #enterUserQuery(): Promise<void> {
    if (this.#userQueries >= USER_QUERIES_MAX) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#userQueries += 1;
  }

  #leaveUserQuery(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#userQueries -= 1;
  }

  #scratch(kind: string): string {
    return join(this.#directory, `${kind}-${randomBytes(6).toString('hex')}`);
  }

  async #paths(manifests: readonly Manifest[]): Promise<ReadonlyMap<Digest, string>> {
    const digests = new Set(manifests.flatMap((manifest) => manifest.files.map((file) => file.digest)));
    const paths = new Map<Digest, string>();
    for (const digest of digests) paths.set(digest, await this.#options.blobs.localPath(digest));
    return paths;
  }
}

function pathsIn(paths: ReadonlyMap<Digest, string>): (digest: Digest) => string {
  return (digest) => paths.get(digest)!;
}
