import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { spanFileNames } from './span-file.ts';
import type { SpanRecord } from './span-record.ts';

/** Which traces to list. */
export interface TraceFilter {
  /** Only traces with a span that has all of these attributes; compared as text. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** Only traces with a span of this service. */
  readonly service?: string;
  /** The most traces to give, newest first. Default 20. */
  readonly limit?: number;
}

/** A trace in one line. */
export interface TraceSummary {
  readonly traceId: string;
  /** The name of the span without a parent, or of the earliest one while that is still open. */
  readonly rootName: string;
  readonly rootService: string;
  /** Microseconds since 1970-01-01T00:00:00Z. */
  readonly startUnixUs: number;
  /** From the earliest start to the latest end, in microseconds. */
  readonly durationUs: number;
  readonly spans: number;
  /** Spans with the status ERROR. */
  readonly errors: number;
  readonly services: readonly string[];
}

/**
 * The finished spans of a trace, in order of their start, from the span files of this data directory; empty when the
 * trace is not known (or no longer: old files are removed). Spans reach the files within half a second of their end.
 */
export async function readTrace(dataDirectory: string, traceId: string): Promise<SpanRecord[]> {
  const spans: SpanRecord[] = [];
  for await (const span of readSpans(dataDirectory, `"traceId":"${traceId}"`)) {
    if (span.traceId === traceId) spans.push(span);
  }
  return spans.sort((a, b) => a.startUnixUs - b.startUnixUs);
}

/** The traces in the span files of this data directory, newest first. */
export async function listTraces(dataDirectory: string, filter: TraceFilter = {}): Promise<TraceSummary[]> {
  const traces = new Map<string, { summary: TraceSummary; hasRoot: boolean; matches: boolean }>();
  for await (const span of readSpans(dataDirectory)) {
    const known = traces.get(span.traceId);
    const isRoot = span.parentSpanId === undefined;
    const takesRoot = known === undefined || isRoot || (!known.hasRoot && span.startUnixUs < known.summary.startUnixUs);
    const start = Math.min(span.startUnixUs, known?.summary.startUnixUs ?? Number.POSITIVE_INFINITY);
    const end = Math.max(span.startUnixUs + span.durationUs, known ? endOf(known.summary) : 0);
    traces.set(span.traceId, {
      hasRoot: isRoot || (known?.hasRoot ?? false),
      matches: (known?.matches ?? false) || matches(span, filter),
      summary: {
        traceId: span.traceId,
        rootName: takesRoot ? span.name : known.summary.rootName,
        rootService: takesRoot ? span.service : known.summary.rootService,
        startUnixUs: start,
        durationUs: end - start,
        spans: (known?.summary.spans ?? 0) + 1,
        errors: (known?.summary.errors ?? 0) + (span.status === 'ERROR' ? 1 : 0),
        services: [...new Set([...(known?.summary.services ?? []), span.service])],
      },
    });
  }
  return [...traces.values()]
    .filter((t) => t.matches)
    .map((t) => t.summary)
    .sort((a, b) => b.startUnixUs - a.startUnixUs)
    .slice(0, filter.limit ?? 20);
}

function endOf(summary: TraceSummary): number {
  return summary.startUnixUs + summary.durationUs;
}

function matches(span: SpanRecord, filter: TraceFilter): boolean {
  if (filter.service !== undefined && span.service !== filter.service) return false;
  return Object.entries(filter.attributes ?? {}).every(
    ([key, value]) => String(span.attributes[key]) === String(value),
  );
}

/** All spans in the files, oldest file first; lines cut short by a crash are passed over. */
async function* readSpans(dataDirectory: string, mustContain = ''): AsyncGenerator<SpanRecord> {
  const directory = join(dataDirectory, 'traces');
  for (const name of await spanFileNames(directory)) {
    const input = createReadStream(join(directory, name), 'utf8');
    try {
      for await (const line of createInterface({ input })) {
        const span = line.includes(mustContain) ? parseLine(line) : undefined;
        if (span) yield span;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // removed by rotation meanwhile
    }
  }
}

function parseLine(line: string): SpanRecord | undefined {
  try {
    return JSON.parse(line) as SpanRecord;
  } catch {
    return undefined;
  }
}
