import type { DescMessage } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Pipeline, Schedule, Trigger } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { messageOf } from '@millrace/kernel';
import { parseCron } from './cron.ts';
import { EVENT_TYPES } from './event-types.ts';
import { findReferences } from './references.ts';
import type { Violations } from './violations.ts';

/** Smallest span of a calendar schedule, in milliseconds. */
const EVERY_MIN_MS = 1000;

/** Checks schedules and triggers: clocks, subjects, field paths, and that their parameters are those of the pipeline. */
export function checkClocks(violations: Violations, pipeline: Pipeline): void {
  for (const [i, schedule] of pipeline.schedules.entries()) checkSchedule(violations, pipeline, schedule, i);
  for (const [i, trigger] of pipeline.triggers.entries()) checkTrigger(violations, pipeline, trigger, i);
}

function checkSchedule(violations: Violations, pipeline: Pipeline, schedule: Schedule, i: number): void {
  const path = `schedules[${i}]`;
  const { clock, timeZone, catchUpMax } = schedule;
  if (timeZone !== '' && !isTimeZone(timeZone)) {
    const description = `"${timeZone}" is not a time zone of the IANA database. Write for example Europe/Berlin, or leave it out for UTC.`;
    violations.add(`${path}.timeZone`, 'TIME_ZONE_UNKNOWN', description);
  } else if (clock.case === 'cron') checkCron(violations, `${path}.cron`, clock.value, timeZone);
  if (
    clock.case === 'calendar' &&
    durationMs(clock.value.every ?? { $typeName: 'google.protobuf.Duration', seconds: 0n, nanos: 0 }) < EVERY_MIN_MS
  ) {
    violations.add(`${path}.calendar.every`, 'DURATION_INVALID', 'must be at least one second, for example 1d.');
  }
  if (catchUpMax !== undefined && catchUpMax < 0) {
    violations.add(`${path}.catchUpMax`, 'CATCH_UP_INVALID', `${catchUpMax} must not be negative.`);
  }
  checkParameters(violations, pipeline, path, schedule.parameters, (reference) => reference === 'scheduleTime');
}

function checkCron(violations: Violations, path: string, cron: string, timeZone: string): void {
  try {
    parseCron(cron, timeZone);
  } catch (error) {
    const description = `"${cron.slice(0, 80)}" is not a cron expression of five fields: ${messageOf(error)} Write for example "0 6 * * 1" for Mondays at six.`;
    violations.add(path, 'CRON_INVALID', description);
  }
}

function checkTrigger(violations: Violations, pipeline: Pipeline, trigger: Trigger, i: number): void {
  const path = `triggers[${i}]`;
  if (trigger.cooldown && durationMs(trigger.cooldown) < 0) {
    violations.add(`${path}.cooldown`, 'DURATION_INVALID', 'must not be negative.');
  }
  checkParameters(violations, pipeline, path, trigger.parameters, (reference) => reference === 'event');
  const type = EVENT_TYPES.get(trigger.subject);
  if (!type) {
    violations.unknown(`${path}.subject`, 'Event', trigger.subject, [...EVENT_TYPES.keys()]);
    return;
  }
  for (const field of Object.keys(trigger.filter)) {
    checkField(violations, `${path}.filter["${field}"]`, type, field);
  }
  for (const [name, text] of Object.entries(trigger.parameters)) {
    for (const { reference } of findReferences(text)) {
      if (reference?.kind === 'event') checkField(violations, `${path}.parameters["${name}"]`, type, reference.path);
    }
  }
}

/** Follows a field path as far as messages go; maps and what lies in them are taken as they are. */
function checkField(violations: Violations, at: string, type: DescMessage, path: string): void {
  let message = type;
  for (const part of path.split('.')) {
    const field = message.fields.find(({ jsonName, name }) => jsonName === part || name === part);
    if (!field) {
      const known = message.fields.map(({ jsonName }) => jsonName);
      violations.unknown(at, `Field of ${message.name}`, part, known);
      return;
    }
    if (field.fieldKind !== 'message' || field.message.typeName.startsWith('google.protobuf.')) return;
    message = field.message;
  }
}

function checkParameters(
  violations: Violations,
  pipeline: Pipeline,
  path: string,
  given: Readonly<Record<string, string>>,
  isAllowed: (kind: string) => boolean,
): void {
  const known = pipeline.parameters.map(({ name }) => name);
  for (const [name, text] of Object.entries(given)) {
    const at = `${path}.parameters["${name}"]`;
    if (!known.includes(name)) violations.unknown(at, 'Parameter', name, known);
    for (const found of findReferences(text)) {
      if (found.reference && isAllowed(found.reference.kind)) continue;
      const description = `${found.text} has no value here. Schedules know \${schedule.time}, triggers \${event.<field path>}.`;
      violations.add(at, found.reference ? 'REFERENCE_MISPLACED' : 'REFERENCE_MALFORMED', description);
    }
  }
  for (const { name, defaultValue } of pipeline.parameters) {
    if (defaultValue !== undefined || given[name] !== undefined) continue;
    violations.add(`${path}.parameters`, 'PARAMETER_MISSING', `does not give "${name}", which has no default.`);
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
