import { AppError } from '@millrace/kernel';
import type { RunRow, StepRow } from '../domain/model.ts';
import { lastId } from '../domain/model.ts';
import type { Reference } from '../domain/references.ts';

/**
 * What references in the steps of a run stand for: its parameters, its id, and outputs of steps that ended well.
 *
 * @throws AppError FAILED_PRECONDITION `OUTPUT_MISSING` when a step has not given the output, for example a metric that
 * the training did not measure.
 */
export function valuesOf(
  run: Pick<RunRow, 'name' | 'parameters'>,
  steps: readonly Pick<StepRow, 'step' | 'outputs'>[],
) {
  return (reference: Reference): string => {
    switch (reference.kind) {
      case 'runId':
        return lastId(run.name);
      case 'parameter':
        return run.parameters[reference.name] ?? missing(`parameters.${reference.name}`, 'The run was not given it.');
      case 'output': {
        const outputs = steps.find(({ step }) => step === reference.step)?.outputs ?? {};
        const known = Object.keys(outputs).join(', ') || 'nothing';
        return (
          outputs[reference.output] ?? missing(`steps.${reference.step}.${reference.output}`, `The step gave ${known}.`)
        );
      }
      default:
        return missing(reference.kind, 'Hand it to the run as a parameter.');
    }
  };
}

function missing(reference: string, remedy: string): never {
  throw new AppError('FAILED_PRECONDITION', `"\${${reference}}" has no value in this run. ${remedy}`, {
    reason: 'OUTPUT_MISSING',
    fields: { reference },
  });
}
