import { AppError, isAppError } from '@millrace/kernel';
import { listTraces, readTrace } from '@millrace/telemetry';
import { count, duration, moment } from '../render/format.ts';
import { waterfall } from '../render/waterfall.ts';
import { idOf, nameOf } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';

/** `trace ls`. */
export const listAllTraces: Action = async (session, input) => {
  const service = input.text('service');
  const limit = input.integer('limit', { default: 20, min: 1, max: 10_000 });
  const traces = await listTraces(session.directory, { limit, ...(service !== undefined && { service }) });
  if (session.isJson) session.printJson({ traces });
  else
    await session.printTable(
      traces,
      [
        { title: 'TRACE', value: (t) => t.traceId, priority: 0, widthMin: 32 },
        { title: 'BEGUN', value: (t) => moment(new Date(t.startUnixUs / 1000)), priority: 2 },
        { title: 'TOOK', value: (t) => duration(t.durationUs / 1000), align: 'right', priority: 1 },
        { title: 'SPANS', value: (t) => count(t.spans), align: 'right', priority: 2 },
        {
          title: 'ERRORS',
          value: (t) => (t.errors > 0 ? session.style.bad(count(t.errors)) : '0'),
          align: 'right',
          priority: 2,
        },
        { title: 'ROOT', value: (t) => t.rootName, priority: 0, widthMin: 24 },
        { title: 'SERVICES', value: (t) => t.services.join(', '), priority: 3 },
      ],
      `There are no traces in ${session.inDirectory('traces')}.`,
    );
  return 0;
};

/** `trace show TRACE|RUN`. */
export const showTrace: Action = async (session, input) => {
  const traceId = await traceIdOf(session, input.argument(0));
  const minMillis = input.integer('min', { default: 0, min: 0, max: 86_400_000 });
  const linesMax = input.integer('spans', { default: 200, min: 1, max: 100_000 });
  const spans = await readTrace(session.directory, traceId);
  if (spans.length === 0)
    throw new AppError(
      'NOT_FOUND',
      `No span of trace ${traceId} is in ${session.inDirectory('traces')}. It may be too old, or of another data directory.`,
      {
        reason: 'TRACE_NOT_FOUND',
        fields: { traceId },
      },
    );
  if (session.isJson) {
    session.printJson({ traceId, spans });
    return 0;
  }
  session.print(`${session.style.bold(traceId)}  ${count(spans.length)} spans`);
  const views = spans.map((span) => ({
    id: span.spanId,
    parent: span.parentSpanId,
    // Calls are told apart by service and method; the package only takes room.
    name: span.name.replace(/^(?:[a-z0-9]+\.)+(\w+\/\w+)$/, '$1'),
    service: span.service,
    startUs: span.startUnixUs,
    durationUs: span.durationUs,
    failed: span.status === 'ERROR',
  }));
  session.print(waterfall(views, { width: session.width, style: session.style, minUs: minMillis * 1000, linesMax }));
  for (const span of spans.filter((s) => s.status === 'ERROR').slice(0, 5))
    session.print(
      `${session.style.bad('✘')} ${span.service} ${span.name}: ${span.statusMessage ?? String(span.attributes['error.type'] ?? '')}`,
    );
  return 0;
};

/** A trace's id, or that of a pipeline run: from the platform where it runs, else from the span files. */
async function traceIdOf(session: Session, given: string): Promise<string> {
  if (/^[0-9a-f]{32}$/.test(given)) return given;
  const name = nameOf(session, 'pipelineRun', given);
  try {
    const { orchestrator } = await session.client();
    const { pipelineRun } = await orchestrator.getPipelineRun({ name });
    if (pipelineRun?.traceId) return pipelineRun.traceId;
  } catch (error) {
    if (!isAppError(error) || error.code !== 'UNAVAILABLE') throw error;
  }
  const [found] = await listTraces(session.directory, { attributes: { 'millrace.pipeline_run': name }, limit: 1 });
  if (found) return found.traceId;
  throw new AppError('NOT_FOUND', `No trace of pipeline run ${idOf(name)} is in ${session.inDirectory('traces')}.`, {
    reason: 'TRACE_NOT_FOUND',
    fields: { pipelineRun: name },
  });
}
