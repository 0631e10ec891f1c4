import { AppError } from '@millrace/kernel';
import type { ClientConfig } from 'pg';
import { rowTypes } from './rowTypes.ts';
import type { SpanTarget } from './spans.ts';

/** How long a new connection may take, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** What a connection of ours needs. */
export interface ConnectionOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Server settings (`-c name=value`) by name. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Reads a `postgres://` URL; throws AppError INVALID_ARGUMENT `DATABASE_URL_INVALID`, never quoting the URL (it holds a password). */
export function parseDatabaseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^postgres(ql)?:$/.test(parsed.protocol)) return parsed;
  throw new AppError(
    'INVALID_ARGUMENT',
    'The database URL is not of the form postgres://user:password@host:port/database.',
    { reason: 'DATABASE_URL_INVALID' },
  );
}

/** The pg configuration of a connection. Sessions run in UTC, so that text forms of times do not depend on the server. */
export function clientConfig(options: ConnectionOptions): ClientConfig {
  const url = parseDatabaseUrl(options.url);
  const settings = { TimeZone: 'UTC', ...options.settings };
  const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replace(/([\\ ])/g, '\\$1')}`);
  url.searchParams.set('options', [url.searchParams.get('options') ?? '', ...ours].join(' ').trim());
  // `URLSearchParams` writes a space as `+`, which pg would keep.
  const connectionString = url.toString().replaceAll('+', '%20');
  return {
    connectionString,
    application_name: options.applicationName.slice(0, 63),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: rowTypes,
  };
}

/** How spans name the database behind `url`. */
export function spanTarget(url: string, schema: string): SpanTarget {
  const { hostname, port, pathname } = parseDatabaseUrl(url);
  return {
    namespace: `${decodeURIComponent(pathname.slice(1))}|${schema}`,
    host: decodeURIComponent(hostname),
    port: Number(port || 5432),
  };
}
