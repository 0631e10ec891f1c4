import { join, resolve } from 'node:path';
import type { Message } from '@bufbuild/protobuf';
import type { MillraceClient } from '@millrace/client';
import { AppError, invalidArgument, names } from '@millrace/kernel';
import type { CliIo } from './io.ts';
import type { Style } from './render/style.ts';
import { createStyle, wantsColour } from './render/style.ts';
import type { Column } from './render/table.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly dir?: string;
  readonly address?: string;
  readonly workspace?: string;
}

/** Widest that tables and charts are drawn; also the width where the output is no terminal. */
const WIDTH_MAX = 160;
const WIDTH_DEFAULT = 120;

/** Where a platform is. */
export interface PlatformAddress {
  readonly grpcAddress: string;
  /** Known only when the platform was found through its data directory. */
  readonly httpUrl?: string;
  readonly pid?: number;
  readonly startTime?: string;
}

/** What one run of the command line has at hand: output, the platform, names. */
export class Session {
  readonly io: CliIo;
  readonly isJson: boolean;
  /** The data directory, absolute. */
  readonly directory: string;
  /** Name of the workspace, `workspaces/{workspace}`. */
  readonly workspace: string;
  readonly style: Style;
  /** Characters of a line of output. */
  readonly width: number;
  readonly #address: string | undefined;
  #client: MillraceClient | undefined;

  constructor(io: CliIo, options: GlobalOptions) {
    this.io = io;
    this.isJson = options.json ?? false;
    this.directory = resolve(options.dir ?? io.env.MILLRACE__DATA_DIRECTORY ?? '.millrace');
    this.workspace = names.workspace.format({
      workspace: (options.workspace ?? io.env.MILLRACE_WORKSPACE ?? 'default').replace(/^workspaces\//, ''),
    });
    this.#address = options.address ?? io.env.MILLRACE_ADDRESS;
    this.style = createStyle(!this.isJson && wantsColour(io.stdout.isTTY === true, io.env));
    this.width = Math.min(WIDTH_MAX, io.stdout.columns ?? (Number(io.env.COLUMNS) || WIDTH_DEFAULT));
  }

  /** Whether lines may be drawn over. */
  get isLive(): boolean {
    return this.io.stdout.isTTY === true && !this.isJson && this.io.env.TERM !== 'dumb';
  }

  /** Aborted by Ctrl+C. */
  get signal(): AbortSignal {
    return this.io.interrupted;
  }

  /** Writes lines to stdout. */
  print(lines: string | readonly string[]): void {
    const text = typeof lines === 'string' ? lines : lines.join('\n');
    this.io.stdout.write(`${text}\n`);
  }

  /** Writes one JSON value on a line of its own: an object, or one line of a stream. */
  printJson(value: unknown): void {
    const plain = (_: string, v: unknown) => (typeof v === 'bigint' ? String(v) : v);
    this.io.stdout.write(`${JSON.stringify(value, plain)}\n`);
  }

  /** Writes a message in its JSON form, fields with default values included, so that the keys are always there. */
  async printMessage(message: Message): Promise<void> {
    const { plainJson } = await import('./plain-json.ts');
    this.printJson(plainJson(message));
  }

  /** A remark for people, on stderr; left out with `--json`. */
  note(text: string): void {
    if (!this.isJson) this.io.stderr.write(`${text}\n`);
  }

  /** Writes a table, or `empty` when there are no rows. */
  async printTable<T>(rows: readonly T[], columns: readonly Column<T>[], empty: string): Promise<void> {
    if (rows.length === 0) return this.note(empty);
    const { table } = await import('./render/table.ts');
    this.print(table(rows, columns, { width: this.width, title: this.style.bold }));
  }

  /** Where the platform is: as told, or as its data directory says. Throws UNAVAILABLE `PLATFORM_NOT_RUNNING`. */
  async platform(): Promise<PlatformAddress> {
    if (this.#address !== undefined) {
      if (/^[^\s/]+:\d{1,5}$/.test(this.#address)) return { grpcAddress: this.#address };
      throw invalidArgument('OPTION_INVALID', [
        {
          field: '--address',
          description: `"${this.#address}" is not of the form host:port, for example 127.0.0.1:8081.`,
        },
      ]);
    }
    const { readWhereabouts } = await import('@millrace/all-in-one/whereabouts');
    const found = await readWhereabouts(this.directory);
    if (found) return found;
    throw new AppError('UNAVAILABLE', `No platform runs on the data directory ${this.directory}.`, {
      reason: 'PLATFORM_NOT_RUNNING',
      fields: { dataDirectory: this.directory },
    });
  }

  /** The platform's services. */
  async client(): Promise<MillraceClient> {
    if (this.#client) return this.#client;
    const { grpcAddress } = await this.platform();
    const { createMillraceClient } = await import('@millrace/client');
    this.#client = createMillraceClient({
      address: grpcAddress,
      calls: { defaultStreamTimeoutMs: 24 * 3600 * 1000 },
    });
    return this.#client;
  }

  /** Path of a file in the data directory. */
  inDirectory(...segments: string[]): string {
    return join(this.directory, ...segments);
  }

  /** Ends connections. */
  close(): void {
    this.#client?.close();
  }
}
