import { fromJson } from '@bufbuild/protobuf';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { invalidArgument } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import { calendarTicks, TICKS_MAX, timeText } from './domain/calendar.ts';
import { resolveText } from './domain/references.ts';
import { createRun } from './engine/create-run.ts';
import type { EngineDeps } from './engine/engine.ts';
import { listCalendarSchedules, lockCalendar, saveCalendar } from './store/clocks.ts';
import type { PipelineRow } from './store/pipelines.ts';
import { getPipeline } from './store/pipelines.ts';

/**
 * Moves a calendar forward and creates the runs that are due by it, oldest time first, in one transaction. Moving it to
 * where it stands gives the runs of the advance before; moving it backwards changes nothing and gives none.
 *
 * @throws AppError INVALID_ARGUMENT `CALENDAR_STEP_TOO_LARGE` when a schedule would begin more than 10,000 runs.
 */
export async function advanceCalendar(
  database: Database,
  deps: EngineDeps,
  request: { readonly workspace: string; readonly calendar: string; readonly time: Date },
): Promise<readonly string[]> {
  const { workspace, calendar, time } = request;
  return await database.withTransaction(async (tx) => {
    const stands = await lockCalendar(tx, workspace, calendar);
    if (stands && time <= stands.time) return time < stands.time ? [] : stands.lastRuns;
    const due: { tick: Date; pipeline: PipelineRow; schedule: string }[] = [];
    for (const { pipeline, schedule, everyMs } of await listCalendarSchedules(tx, workspace, calendar)) {
      const row = await getPipeline(tx, pipeline);
      const ticks = calendarTicks(everyMs, stands?.time, time);
      if (!ticks) throw stepTooLarge(pipeline, schedule, time);
      if (row) due.push(...ticks.map((tick) => ({ tick, pipeline: row, schedule })));
    }
    due.sort((a, b) => a.tick.getTime() - b.tick.getTime());
    const runs: string[] = [];
    for (const { tick, pipeline, schedule } of due) {
      const { name } = await createScheduledRun(tx, deps, pipeline, schedule, tick);
      runs.push(name);
    }
    await saveCalendar(tx, workspace, calendar, time, runs);
    return runs;
  });
}

/** Creates the run of one tick of a schedule, once. */
export async function createScheduledRun(
  tx: Parameters<typeof createRun>[0],
  deps: EngineDeps,
  row: PipelineRow,
  id: string,
  tick: Date,
): Promise<{ readonly name: string; readonly isNew: boolean }> {
  const pipeline = fromJson(PipelineSchema, row.definition as never);
  const schedule = pipeline.schedules.find((candidate) => candidate.id === id);
  const at = timeText(tick);
  const given = Object.entries(schedule?.parameters ?? {});
  const parameters = Object.fromEntries(given.map(([name, text]) => [name, resolveText(text, () => at)]));
  return await createRun(tx, deps, row, { parameters, cause: `schedule:${id}`, causeDetail: at, requestId: '' });
}

function stepTooLarge(pipeline: string, schedule: string, time: Date) {
  return invalidArgument('CALENDAR_STEP_TOO_LARGE', [
    {
      field: 'time',
      reason: 'CALENDAR_STEP_TOO_LARGE',
      description: `${timeText(time)} lies so far ahead that schedule "${schedule}" of "${pipeline}" would begin more than ${TICKS_MAX} runs. Move the calendar in smaller steps.`,
    },
  ]);
}
