import { join, resolve } from 'node:path';
import type { Context } from '@opentelemetry/api';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { registerProcessMetrics } from './process-metrics.ts';
import { SpanFile } from './span-file.ts';

/** The part of telemetry that exists once per process, whatever the number of services in it. */
export interface Sdk {
  readonly tracerProvider: TracerProvider;
  readonly meterProvider: MeterProvider;
  /** Prometheus text of all metrics. */
  metricsText(): Promise<string>;
  /** Keeps spans under this directory from now on. The same directory given twice is one file. */
  addDataDirectory(dataDirectory: string): void;
  flush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** What the first service of the process decides for all. */
export interface SdkOptions {
  readonly serviceName: string;
  readonly otlpEndpoint: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
}

/** Builds the SDK and registers it with the OpenTelemetry API. */
export function startSdk(options: SdkOptions): Sdk {
  const resource = resourceFromAttributes({
    'service.name': options.serviceName,
    'service.namespace': 'millrace',
    'process.pid': process.pid,
    ...options.resourceAttributes,
  });
  const files = new SpanFiles();
  const processors: SpanProcessor[] = [files];
  if (options.otlpEndpoint !== undefined) {
    processors.push(new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: options.otlpEndpoint }) }));
  }
  const reader = new PullReader();
  const tracerProvider = new TracerProvider({ resource, spanProcessors: processors });
  const meterProvider = new MeterProvider({ resource, readers: [reader] });
  const serializer = new PrometheusSerializer(); // with the scope as a label: services share instrument names

  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(tracerProvider);
  metrics.setGlobalMeterProvider(meterProvider);
  const stopProcessMetrics = registerProcessMetrics(meterProvider.getMeter('millrace.process'), () => files.dropped);

  return {
    tracerProvider,
    meterProvider,
    metricsText: async () => serializer.serialize((await reader.collect()).resourceMetrics),
    addDataDirectory: (dataDirectory) => files.add(dataDirectory),
    flush: () => tracerProvider.forceFlush(),
    async shutdown() {
      stopProcessMetrics();
      await tracerProvider.shutdown();
      await meterProvider.shutdown();
      trace.disable();
      metrics.disable();
      propagation.disable();
      context.disable();
    },
  };
}

/** Sends each finished span to the span file of each data directory, and hands the service's name down to child spans. */
class SpanFiles implements SpanProcessor {
  readonly #files = new Map<string, SpanFile>();

  get dropped(): number {
    let sum = 0;
    for (const file of this.#files.values()) sum += file.dropped;
    return sum;
  }

  add(dataDirectory: string): void {
    const directory = resolve(join(dataDirectory, 'traces'));
    if (!this.#files.has(directory)) this.#files.set(directory, new SpanFile(directory));
  }

  onStart(span: Span, parentContext: Context): void {
    if (span.attributes['service.name'] !== undefined) return;
    const parent = trace.getSpan(parentContext) as Partial<ReadableSpan> | undefined;
    const service = parent?.attributes?.['service.name'];
    if (service !== undefined) span.setAttributes({ 'service.name': service, 'millrace.service': service });
  }

  onEnd(span: ReadableSpan): void {
    for (const file of this.#files.values()) file.add(span);
  }

  async forceFlush(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.flush()));
  }

  async shutdown(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }
}

/** A reader that is asked: Prometheus pulls. */
class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}
