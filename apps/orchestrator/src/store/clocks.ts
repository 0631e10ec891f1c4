import type { Queryable, Tx } from '@millrace/postgres';

/** A cron schedule that is due. */
export interface DueCron {
  readonly pipeline: string;
  readonly schedule: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly nextAt: Date;
}

/** Replaces the cron schedules of a pipeline; those that stay as they were keep their next time. */
export async function saveCronSchedules(
  tx: Tx,
  pipeline: string,
  schedules: readonly { schedule: string; cron: string; timeZone: string; nextAt: Date }[],
): Promise<void> {
  await tx.execute('delete from cron_schedules where pipeline = $1 and schedule <> all($2)', [
    pipeline,
    schedules.map(({ schedule }) => schedule),
  ]);
  for (const { schedule, cron, timeZone, nextAt } of schedules) {
    await tx.execute(
      `insert into cron_schedules (pipeline, schedule, cron, time_zone, next_at) values ($1, $2, $3, $4, $5)
       on conflict (pipeline, schedule) do update set cron = $3, time_zone = $4,
         next_at = case when (cron_schedules.cron, cron_schedules.time_zone) = ($3, $4)
           then cron_schedules.next_at else $5 end`,
      [pipeline, schedule, cron, timeZone, nextAt],
    );
  }
  await tx.query(`select pg_notify($1, '')`, [`${tx.schema}_schedules`]);
}

/** A cron schedule that is due, locked; schedules that others hold are passed over. */
export async function lockDueCron(tx: Tx, now: Date): Promise<DueCron | undefined> {
  return await tx.maybeOne<DueCron>(
    `select pipeline, schedule, cron, time_zone "timeZone", next_at "nextAt" from cron_schedules
     where next_at <= $1 order by next_at limit 1 for update skip locked`,
    [now],
  );
}

/** Notes when a schedule is due next. */
export async function saveNextTime(tx: Tx, pipeline: string, schedule: string, nextAt: Date): Promise<void> {
  await tx.execute('update cron_schedules set next_at = $3 where pipeline = $1 and schedule = $2', [
    pipeline,
    schedule,
    nextAt,
  ]);
}

/** When the next cron schedule is due. */
export async function nextCronTime(q: Queryable): Promise<Date | undefined> {
  const { next } = await q.one<{ next: Date | null }>('select min(next_at) next from cron_schedules');
  return next ?? undefined;
}

/** A schedule by a calendar. */
export interface CalendarScheduleRow {
  readonly pipeline: string;
  readonly schedule: string;
  readonly everyMs: number;
}

/** Replaces the calendar schedules of a pipeline. */
export async function saveCalendarSchedules(
  tx: Tx,
  pipeline: string,
  workspace: string,
  schedules: readonly { schedule: string; calendar: string; everyMs: number }[],
): Promise<void> {
  await tx.execute('delete from calendar_schedules where pipeline = $1', [pipeline]);
  for (const { schedule, calendar, everyMs } of schedules) {
    await tx.execute(
      `insert into calendar_schedules (pipeline, schedule, workspace, calendar, every_ms) values ($1, $2, $3, $4, $5)`,
      [pipeline, schedule, workspace, calendar, everyMs],
    );
  }
}

/** The schedules that a calendar moves. */
export async function listCalendarSchedules(
  q: Queryable,
  workspace: string,
  calendar: string,
): Promise<CalendarScheduleRow[]> {
  return await q.query<CalendarScheduleRow>(
    `select pipeline, schedule, every_ms "everyMs" from calendar_schedules where workspace = $1 and calendar = $2
     order by pipeline, schedule`,
    [workspace, calendar],
  );
}

/** Where a calendar stands, locked to the end of the transaction; undefined before it was moved first. */
export async function lockCalendar(
  tx: Tx,
  workspace: string,
  calendar: string,
): Promise<{ time: Date; lastRuns: string[] } | undefined> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [`${workspace}/${calendar}`]);
  return await tx.maybeOne('select time, last_runs "lastRuns" from calendars where workspace = $1 and calendar = $2', [
    workspace,
    calendar,
  ]);
}

/** Moves a calendar. */
export async function saveCalendar(
  tx: Tx,
  workspace: string,
  calendar: string,
  time: Date,
  lastRuns: readonly string[],
): Promise<void> {
  await tx.execute(
    `insert into calendars (workspace, calendar, time, last_runs) values ($1, $2, $3, $4)
     on conflict (workspace, calendar) do update set time = $3, last_runs = $4`,
    [workspace, calendar, time, lastRuns],
  );
}
