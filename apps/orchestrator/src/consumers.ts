import { fromJson, toJson } from '@bufbuild/protobuf';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { EventBus, EventContext, ReceivedEvent, Running } from '@millrace/events';
import { decodeEvent } from '@millrace/events';
import { isAppError } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import { EVENT_TYPES } from './domain/event-types.ts';
import { resolveText } from './domain/references.ts';
import { isCool, matchesFilter, textAt } from './domain/trigger.ts';
import { createRun } from './engine/create-run.ts';
import type { EngineDeps } from './engine/engine.ts';
import { getPipeline } from './store/pipelines.ts';
import type { TriggerRow } from './store/triggers.ts';
import { listSubjects, lockTriggers, saveLastRun, triggersChannel } from './store/triggers.ts';

/** Resources whose events are handled at a time; each holds a connection. */
const CONCURRENCY = 2;

/**
 * Begins the runs of triggers: one durable consumer of the events that any trigger waits for, subscribed anew when
 * triggers change, so that other events cost nothing. Its position is durable. A new subject counts from the moment of
 * the subscription, some milliseconds after the pipeline was applied.
 */
export async function consumeTriggers(bus: EventBus, database: Database, deps: EngineDeps): Promise<Running> {
  let subscribed = '';
  let consumer: Running | undefined;
  let isStopped = false;
  let last: Promise<void> = Promise.resolve();
  const subscribe = async () => {
    if (isStopped) return;
    const subjects = await listSubjects(database);
    if (subjects.join() === subscribed) return;
    await consumer?.stop();
    consumer = undefined;
    subscribed = subjects.join();
    if (subjects.length > 0) consumer = await consumeSubjects(bus, database, deps, subjects);
  };
  const queue = () => {
    last = last.then(subscribe, subscribe);
    return last;
  };
  const listening = await database.listen(triggersChannel(database.schema), () => void queue().catch(() => undefined));
  await queue();
  return {
    async stop() {
      isStopped = true;
      await listening.close();
      await last.catch(() => undefined);
      await consumer?.stop();
    },
  };
}

function consumeSubjects(
  bus: EventBus,
  database: Database,
  deps: EngineDeps,
  subjects: readonly string[],
): Promise<Running> {
  return bus.consume({
    name: 'orchestrator.triggers',
    database,
    subjects,
    concurrency: CONCURRENCY,
    startAt: 'beginning',
    handler: (event, context) => handle(deps, event, context),
  });
}

async function handle(deps: EngineDeps, event: ReceivedEvent, context: EventContext): Promise<void> {
  const triggers = await lockTriggers(context.tx, event.subject);
  const schema = EVENT_TYPES.get(event.subject);
  if (triggers.length === 0 || !schema) return;
  const json = toJson(schema, decodeEvent(schema, event), { alwaysEmitImplicit: true });
  for (const trigger of triggers) {
    if (!event.resource.startsWith(`${trigger.workspace}/`) || event.time < trigger.createdAt) continue;
    await pull(deps, trigger, event, json, context);
  }
}

/** Begins the run of one trigger, if the event is the one it waits for and it may. */
async function pull(
  deps: EngineDeps,
  { pipeline, trigger: id, lastRunAt }: TriggerRow,
  event: ReceivedEvent,
  json: unknown,
  { tx, logger }: EventContext,
): Promise<void> {
  const row = await getPipeline(tx, pipeline);
  const trigger = row && fromJson(PipelineSchema, row.definition as never).triggers.find((one) => one.id === id);
  const now = deps.clock.now();
  if (!row || !trigger || !matchesFilter(trigger.filter, json) || !isCool(trigger, lastRunAt, now)) return;
  const lookUp = (path: string) => textAt(json, path) ?? '';
  const parameters = Object.fromEntries(
    Object.entries(trigger.parameters).map(([name, text]) => [
      name,
      resolveText(text, (reference) => (reference.kind === 'event' ? lookUp(reference.path) : '')),
    ]),
  );
  const request = { parameters, cause: `trigger:${id}`, causeDetail: event.id, requestId: '' };
  try {
    const { name } = await createRun(tx, deps, row, request);
    await saveLastRun(tx, pipeline, id, now);
    logger.info('A trigger began a run.', { pipeline, trigger: id, run: name });
  } catch (error) {
    if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
    logger.error('A trigger could not begin a run.', { pipeline, trigger: id, err: error });
  }
}
