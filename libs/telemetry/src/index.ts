export type { LogFields, Logger, LogLevel, LogOptions } from './logger.ts';
export { createLogger, nullLogger } from './logger.ts';
export { contextFromHeaders, injectTraceparent, withSpan } from './propagation.ts';
export type { SpanEventRecord, SpanLinkRecord, SpanRecord } from './span-record.ts';
export { withoutTracing } from './suppression.ts';
export type { Telemetry, TelemetryOptions } from './telemetry.ts';
export { createTelemetry } from './telemetry.ts';
export type { TraceFilter, TraceSummary } from './trace-reader.ts';
export { listTraces, readTrace } from './trace-reader.ts';
