import type { Meter, SpanOptions, Tracer } from '@opentelemetry/api';
import type { Logger, LogOptions, LogSink } from './logger.ts';
import { createLogger, openLogSink } from './logger.ts';
import type { Sdk } from './sdk.ts';
import { startSdk } from './sdk.ts';

/** How a service wants to be watched. */
export interface TelemetryOptions {
  /** The service's name, for example `ingestion`: `service.name` of its spans and log lines. */
  readonly serviceName: string;
  /** Spans are kept in `<dataDirectory>/traces/`, at most 64 MiB. Nothing is kept when left out. */
  readonly dataDirectory?: string;
  /** Where spans are sent by OTLP over gRPC. Default: the environment's OTEL_EXPORTER_OTLP_ENDPOINT; unset: nowhere. */
  readonly otlpEndpoint?: string;
  /** Further attributes of the process, for example `service.version`. Those of the first service of a process hold. */
  readonly resourceAttributes?: Readonly<Record<string, string>>;
  /** Where log lines go. */
  readonly log?: LogOptions;
}

/** What one service uses to be watched. */
export interface Telemetry {
  readonly serviceName: string;
  /** Makes spans that carry the service's name; spans below them inherit it. */
  readonly tracer: Tracer;
  /** Makes instruments in the scope `millrace.<service>`. */
  readonly meter: Meter;
  /** A log for one part of the service, for example `store`. */
  logger(name: string): Logger;
  /** All metrics of the process in Prometheus' text format. */
  metricsText(): Promise<string>;
  /** Writes out spans and log lines that wait. */
  flush(): Promise<void>;
  /** Flushes; the last service of the process that shuts down closes the SDK. Safe to call twice. */
  shutdown(): Promise<void>;
}

let sdk: Sdk | undefined;
let users = 0;

/**
 * Starts telemetry for one service. The first call of a process registers the OpenTelemetry SDK (W3C trace context,
 * async context, tracer and meter provider); later calls share it.
 */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { serviceName, dataDirectory } = options;
  sdk ??= startSdk({
    serviceName,
    otlpEndpoint: options.otlpEndpoint ?? process.env.OTEL_EXPORTER_OTLP_ENDPOINT,
    resourceAttributes: options.resourceAttributes ?? {},
  });
  users += 1;
  const shared = sdk;
  if (dataDirectory !== undefined) shared.addDataDirectory(dataDirectory);
  const sink = sinkFor(options.log);
  let isShutDown = false;
  const flush = async () => void (await Promise.all([shared.flush(), sink.flush()]));
  return {
    serviceName,
    tracer: tracerOf(shared.tracerProvider.getTracer(`millrace.${serviceName}`), serviceName),
    meter: shared.meterProvider.getMeter(`millrace.${serviceName}`),
    logger: (name) => createLogger(sink, serviceName, name),
    metricsText: () => shared.metricsText(),
    flush,
    async shutdown() {
      if (isShutDown) return;
      isShutDown = true;
      await flush();
      users -= 1;
      if (users > 0) return;
      sdk = undefined;
      await shared.shutdown();
    },
  };
}

const sinks = new Map<string, LogSink>();

/** One open destination per set of options, shared by the services of a process. */
function sinkFor(options: LogOptions = {}): LogSink {
  const key = JSON.stringify([options.file, options.level, options.pretty]);
  const known = sinks.get(key);
  if (known) return known;
  const sink = openLogSink(options);
  sinks.set(key, sink);
  return sink;
}

/** A tracer whose spans carry the service's name, so that services in one process can be told apart. */
function tracerOf(inner: Tracer, serviceName: string): Tracer {
  const own = { 'service.name': serviceName, 'millrace.service': serviceName };
  const withOwn = (options: SpanOptions = {}): SpanOptions => ({
    ...options,
    attributes: { ...own, ...options.attributes },
  });
  const startActiveSpan = (name: string, ...rest: unknown[]): unknown => {
    const fn = rest.pop() as (...args: unknown[]) => unknown;
    const options = withOwn(rest[0] as SpanOptions | undefined);
    return rest[1] === undefined
      ? inner.startActiveSpan(name, options, fn)
      : inner.startActiveSpan(name, options, rest[1] as Parameters<Tracer['startSpan']>[2] & object, fn);
  };
  return {
    startSpan: (name, options, parent) => inner.startSpan(name, withOwn(options), parent),
    startActiveSpan: startActiveSpan as Tracer['startActiveSpan'],
  };
}
