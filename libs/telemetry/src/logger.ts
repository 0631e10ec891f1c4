import { isSpanContextValid, trace } from '@opentelemetry/api';
import type { Logger as PinoLogger } from 'pino';
import { pino } from 'pino';
import { PrettyStream } from './pretty-stream.ts';

/** Named facts of one log line. Never put row values or secrets in here; well-known secret names are masked anyway. */
export type LogFields = Readonly<Record<string, unknown>>;

/** How serious a line is. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A structured log. An error goes into the field `err`: its type, message, stack and causes are written. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each of its lines. */
  child(fields: LogFields): Logger;
}

/** Where log lines go and which. */
export interface LogOptions {
  /** The least serious level that is written. Default `info`. */
  readonly level?: LogLevel;
  /** A file that JSON lines are appended to; standard error when left out. */
  readonly file?: string;
  /** Lines for people in place of JSON. Default: true when standard error is a terminal and no file is given. */
  readonly pretty?: boolean;
}

/** Names whose values are masked, at the top of the fields and one level down. */
const SECRET_NAMES = ['password', 'secret', 'token', 'apiKey', 'api_key', 'authorization', 'credentials', 'cookie'];

/**
 * Makes a log whose lines carry `service.name`, `logger`, and `trace_id` and `span_id` of the active span.
 * Several loggers may be made from one {@link LogSink}.
 */
export function createLogger(sink: LogSink, serviceName: string, name: string): Logger {
  return wrap(sink.root.child({ 'service.name': serviceName, logger: name }));
}

/** The open end of a log: one per process and destination. */
export interface LogSink {
  readonly root: PinoLogger;
  /** Writes out what is buffered. */
  flush(): Promise<void>;
}

/** Opens the destination of a log. */
export function openLogSink(options: LogOptions = {}): LogSink {
  const pretty = options.pretty ?? (options.file === undefined && process.stderr.isTTY === true);
  const file = options.file === undefined ? undefined : pino.destination({ dest: options.file, mkdir: true });
  const destination = file ?? (pretty ? new PrettyStream(process.stderr) : pino.destination({ dest: 2, sync: true }));
  const root = pino(
    {
      level: options.level ?? 'info',
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`]), censor: '[masked]' },
      serializers: { err: pino.stdSerializers.errWithCause },
      mixin: activeTraceIds,
    },
    destination,
  );
  return {
    root,
    flush: () =>
      file === undefined ? Promise.resolve() : new Promise((done, fail) => file.flush((e) => (e ? fail(e) : done()))),
  };
}

/** A logger that writes nothing: for tests and tools. */
export const nullLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => nullLogger,
};

function activeTraceIds(): Record<string, string> {
  const active = trace.getActiveSpan()?.spanContext();
  if (active === undefined || !isSpanContextValid(active)) return {};
  return { trace_id: active.traceId, span_id: active.spanId };
}

function wrap(logger: PinoLogger): Logger {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}
