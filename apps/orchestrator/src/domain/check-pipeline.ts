import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Pipeline, Step } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { StepSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { FieldViolation } from '@millrace/kernel';
import { checkClocks } from './check-clocks.ts';
import { nodeOf, orderSteps } from './graph.ts';
import { OUTPUTS } from './outputs.ts';
import type { FoundReference } from './references.ts';
import { findReferences } from './references.ts';
import type { TextPlace } from './texts.ts';
import { visitTexts } from './texts.ts';
import { parseTime, timeRemedy } from './times.ts';
import { Violations } from './violations.ts';

/** Fields of actions that hold a time, as text. */
const TIME_FIELDS: ReadonlySet<string> = new Set([
  'start_time',
  'end_time',
  'as_of',
  'test_start_time',
  'window_start',
  'window_end',
]);

/**
 * Finds everything that is wrong with a pipeline and can be told without asking the services: doubled ids, references to
 * nothing, circles, conditions, times, spans, schedules and triggers. Paths are those of the JSON form, so that a file's
 * reader can show line and column.
 */
export function checkPipeline(pipeline: Pipeline): readonly FieldViolation[] {
  const violations = new Violations();
  checkUnique(
    violations,
    'parameters',
    'name',
    'PARAMETER_DUPLICATE',
    pipeline.parameters.map((p) => p.name),
  );
  checkUnique(
    violations,
    'steps',
    'id',
    'STEP_DUPLICATE',
    pipeline.steps.map((step) => step.id),
  );
  for (const [i, step] of pipeline.steps.entries()) checkStep(violations, pipeline, step, `steps[${i}]`);
  checkCircle(violations, pipeline);
  checkUnique(
    violations,
    'schedules',
    'id',
    'SCHEDULE_DUPLICATE',
    pipeline.schedules.map((s) => s.id),
  );
  checkUnique(
    violations,
    'triggers',
    'id',
    'TRIGGER_DUPLICATE',
    pipeline.triggers.map((t) => t.id),
  );
  checkClocks(violations, pipeline);
  checkResources(violations, pipeline);
  return violations.all;
}

function checkUnique(
  violations: Violations,
  list: string,
  field: string,
  reason: string,
  ids: readonly string[],
): void {
  const first = new Map<string, number>();
  for (const [i, id] of ids.entries()) {
    const earlier = first.get(id);
    if (earlier === undefined) first.set(id, i);
    else
      violations.add(
        `${list}[${i}].${field}`,
        reason,
        `"${id}" stands at ${list}[${earlier}] already. Give each its own.`,
      );
  }
}

function checkStep(violations: Violations, pipeline: Pipeline, step: Step, path: string): void {
  const ids = pipeline.steps.map(({ id }) => id);
  for (const [i, id] of step.after.entries()) {
    if (!ids.includes(id)) violations.unknown(`${path}.after[${i}]`, 'Step', id, ids);
  }
  if (step.when && step.when.equals === undefined && step.when.notEquals === undefined) {
    violations.add(`${path}.when`, 'CONDITION_EMPTY', 'compares with nothing. Give "equals" or "notEquals".');
  }
  checkSpans(violations, step, path);
  visitTexts(StepSchema, step, path, (place) => {
    if (place.path === `${path}.description` || place.path === `${path}.id`) return;
    const references = findReferences(place.text);
    for (const found of references) checkReference(violations, pipeline, place.path, found);
    if (references.length === 0) checkTime(violations, place);
  });
}

function checkSpans(violations: Violations, step: Step, path: string): void {
  if (step.timeout && durationMs(step.timeout) <= 0) {
    violations.add(`${path}.timeout`, 'DURATION_INVALID', 'must be longer than nothing. Leave it out for one hour.');
  }
  if (step.retry?.backoff && durationMs(step.retry.backoff) < 0) {
    violations.add(`${path}.retry.backoff`, 'DURATION_INVALID', 'must not be negative.');
  }
}

function checkTime(violations: Violations, { field, path, text }: TextPlace): void {
  if (!TIME_FIELDS.has(field.name) || !field.parent.typeName.startsWith('millrace.orchestrator.')) return;
  if (text !== '' && !parseTime(text)) violations.add(path, 'TIME_INVALID', timeRemedy(text));
}

function checkReference(violations: Violations, pipeline: Pipeline, path: string, found: FoundReference): void {
  const { reference, text } = found;
  switch (reference?.kind) {
    case undefined:
      violations.add(
        path,
        'REFERENCE_MALFORMED',
        `${text} is not a reference. Write \${parameters.<name>}, \${steps.<id>.<output>} or \${run.id}.`,
      );
      break;
    case 'parameter': {
      const known = pipeline.parameters.map(({ name }) => name);
      if (!known.includes(reference.name)) violations.unknown(path, 'Parameter', reference.name, known);
      break;
    }
    case 'output':
      checkOutput(violations, pipeline, path, reference);
      break;
    case 'scheduleTime':
    case 'event':
      violations.add(
        path,
        'REFERENCE_MISPLACED',
        `${text} is known to schedules and triggers only. Hand it to the run as a parameter there, and refer to \${parameters.<name>} here.`,
      );
      break;
    case 'runId':
      break;
  }
}

function checkOutput(
  violations: Violations,
  pipeline: Pipeline,
  path: string,
  { step: id, output }: { readonly step: string; readonly output: string },
): void {
  const step = pipeline.steps.find((candidate) => candidate.id === id);
  if (!step) {
    const ids = pipeline.steps.map((candidate) => candidate.id);
    violations.unknown(path, 'Step', id, ids);
    return;
  }
  const outputs = step.action.case === undefined ? [] : OUTPUTS[step.action.case];
  if (!outputs.includes(output)) violations.unknown(path, `Output of step "${id}"`, output, outputs);
}

function checkCircle(violations: Violations, pipeline: Pipeline): void {
  const { circle } = orderSteps(pipeline.steps.map(nodeOf));
  if (!circle) return;
  const i = pipeline.steps.findIndex(({ id }) => id === circle[0]);
  const waits = circle.map((id) => `"${id}"`).join(' waits for ');
  violations.add(`steps[${i}]`, 'STEP_CYCLE', `is part of a circle: ${waits}. Take one of these references away.`);
}

function checkResources(violations: Violations, { resources }: Pipeline): void {
  if (!resources) return;
  const lists = {
    sources: resources.sources,
    datasets: resources.datasets,
    dataContracts: resources.dataContracts,
    entities: resources.entities,
    featureViews: resources.featureViews,
    featureServices: resources.featureServices,
    endpoints: resources.endpoints,
    monitors: resources.monitors,
  };
  for (const [list, all] of Object.entries(lists)) {
    const path = `resources.${list}`;
    checkUnique(
      violations,
      path,
      'name',
      'RESOURCE_DUPLICATE',
      all.map(({ name }) => name),
    );
    for (const [i, { name }] of all.entries()) {
      if (name === '') violations.add(`${path}[${i}].name`, 'NAME_MISSING', 'is empty. Give the resource a name.');
    }
  }
}
