import { randomUUID } from 'node:crypto';
import { untilEnded } from '@millrace/client';
import type { IngestionRun } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import type { ValidationRun } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { isAppError } from '@millrace/kernel';
import { EXIT } from '../exit-codes.ts';
import { plainJson } from '../plain-json.ts';
import { count } from '../render/format.ts';
import type { StepView } from '../render/steps.ts';
import { idOf, nameOf, shortName } from '../resource.ts';
import type { Session } from '../session.ts';
import { executionView, watchWork } from '../watch.ts';

/** Watches a load to its end. Throws the load's own error when it fails. */
export async function watchIngestion(session: Session, name: string): Promise<IngestionRun> {
  const { ingestion } = await session.client();
  async function* states(): AsyncIterable<IngestionRun> {
    for await (const { ingestionRun } of ingestion.watchIngestionRun({ name }, { signal: session.signal }))
      if (ingestionRun) yield ingestionRun;
  }
  const steps = (run: IngestionRun, now: Date): StepView[] => [executionView('load', run.execution, now)];
  return ended(session, states(), steps);
}

/** Judges a candidate by a contract (its name, or empty for schema and profile only) and watches it to its end. */
export async function validateVersion(session: Session, version: string, contract: string): Promise<ValidationRun> {
  const { validation } = await session.client();
  const { validationRun } = await validation.createValidationRun({
    parent: session.workspace,
    datasetVersion: version,
    dataContract: contract,
    requestId: randomUUID(),
  });
  const name = (validationRun as ValidationRun).name;
  async function* states(): AsyncIterable<ValidationRun> {
    for await (const response of validation.watchValidationRun({ name }, { signal: session.signal }))
      if (response.validationRun) yield response.validationRun;
  }
  const steps = (run: ValidationRun, now: Date): StepView[] => [executionView('validate', run.execution, now)];
  return ended(session, states(), steps);
}

/** The contract to judge by: the one named, or the one with the dataset's id, or none (empty). */
export async function contractOf(session: Session, given: string | undefined, dataset: string): Promise<string> {
  const { validation } = await session.client();
  const name = nameOf(session, 'dataContract', given ?? idOf(dataset));
  try {
    await validation.getDataContract({ name });
    return name;
  } catch (error) {
    if (given === undefined && isAppError(error) && error.code === 'NOT_FOUND') return '';
    throw error;
  }
}

/** Tells the verdict; gives the exit code, 1 for a rejected version. */
export function reportVerdict(session: Session, load: IngestionRun, judged: ValidationRun): number {
  const isPublished = judged.result?.verdict === Verdict.PUBLISH;
  if (session.isJson) {
    session.printJson({ ingestionRun: plainJson(load), validationRun: plainJson(judged) });
    return isPublished ? EXIT.ok : EXIT.failed;
  }
  const { style } = session;
  const aside = (judged.result?.quarantinedRows ?? 0n) + load.quarantinedRows;
  const version = shortName(load.datasetVersion);
  session.print(
    isPublished
      ? `${style.good('Published')} ${style.bold(version)}: ${count(load.readRows)} rows read${aside > 0n ? `, ${style.warn(`${count(aside)} put aside`)}` : ''}.`
      : `${style.bad('Rejected')} ${style.bold(version)}: ${judged.result?.rejection ?? ''} Readers do not see it.`,
  );
  for (const result of judged.result?.expectations ?? [])
    if (!result.success || result.unexpectedCount > 0n)
      session.print(
        `  ${result.expectation}: ${result.unexpectedCount > 0n ? `${count(result.unexpectedCount)} of ${count(result.elementCount)} rows` : result.observedValue}${result.partialUnexpectedList.length > 0 ? style.dim(`  ${result.partialUnexpectedList.join(', ')}`) : ''}`,
      );
  for (const anomaly of judged.result?.anomalies ?? []) session.print(`  ${anomaly.message}`);
  if (aside > 0n) session.print(style.dim(`See them with: millrace dead-letters ls ${version.split('@')[0]}`));
  return isPublished ? EXIT.ok : EXIT.failed;
}

/** Draws on the way, and throws the work's own error where it failed. States are not told with `--json`: the end is. */
async function ended<T extends IngestionRun | ValidationRun>(
  session: Session,
  states: AsyncIterable<T>,
  steps: (state: T, now: Date) => StepView[],
): Promise<T> {
  const last = await watchWork(session, states, { steps, json: async () => undefined });
  async function* one(): AsyncIterable<T> {
    if (last) yield last;
  }
  return untilEnded(one());
}
