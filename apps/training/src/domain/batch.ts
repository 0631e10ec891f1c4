import type { Artifact, Metric } from '@millrace/contracts/millrace/training/v1/run';
import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument, isDigest } from '@millrace/kernel';
import { PARAM_VALUE_MAX } from './run-params.ts';

/** Bounds as in MLflow: names in characters, values in characters, entries of one request. */
const KEY_MAX = 250;
const TAG_VALUE_MAX = 8000;
const ENTRIES_MAX = 1000;
/** Violations that are told at once; more are counted. */
const VIOLATIONS_MAX = 50;

/** What is to be added to a run. */
interface Batch {
  readonly metrics: readonly Metric[];
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly artifacts: readonly Artifact[];
}

/** Checks names and sizes; throws INVALID_ARGUMENT `BATCH_INVALID` with what is wrong. */
export function checkBatch({ metrics, params, tags, artifacts }: Batch): void {
  const violations: FieldViolation[] = [];
  const wrong = (field: string, description: string) =>
    violations.push({ field, reason: 'BATCH_INVALID', description });
  checkEntries('params', params, PARAM_VALUE_MAX, wrong);
  checkEntries('tags', tags, TAG_VALUE_MAX, wrong);
  for (const [i, { step }] of metrics.entries())
    if (!Number.isSafeInteger(Number(step))) wrong(`metrics[${i}].step`, `${step} is not within ±(2^53 − 1).`);
  const paths = new Set<string>();
  for (const [i, { path, blob }] of artifacts.entries()) {
    if (path.length > KEY_MAX) wrong(`artifacts[${i}].path`, `has ${path.length} characters, more than ${KEY_MAX}.`);
    if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
      wrong(`artifacts[${i}].path`, `${JSON.stringify(path)} is not a relative path without "." and "..".`);
    if (paths.has(path)) wrong(`artifacts[${i}].path`, `${JSON.stringify(path)} stands twice. Give each path once.`);
    paths.add(path);
    if (!isDigest(blob?.digest ?? ''))
      wrong(
        `artifacts[${i}].blob.digest`,
        'is not "sha256:" and 64 hexadecimal digits. Put the file into the blob store.',
      );
  }
  if (violations.length > 0) throw invalidArgument('BATCH_INVALID', violations.slice(0, VIOLATIONS_MAX));
}

function checkEntries(
  field: string,
  entries: Readonly<Record<string, string>>,
  valueMax: number,
  wrong: (field: string, description: string) => void,
): void {
  const all = Object.entries(entries);
  if (all.length > ENTRIES_MAX)
    wrong(field, `are ${all.length}, more than ${ENTRIES_MAX}. Send them in several requests.`);
  for (const [key, value] of all) {
    const at = `${field}[${JSON.stringify(key.slice(0, 80))}]`;
    if (key === '' || key.length > KEY_MAX || key.includes('\u0000'))
      wrong(at, `The name has ${key.length} characters; give 1 to ${KEY_MAX}, none of them a zero character.`);
    if (value.length > valueMax) wrong(at, `The value has ${value.length} characters, more than ${valueMax}.`);
    if (value.includes('\u0000')) wrong(at, 'The value holds a zero character, which PostgreSQL cannot keep.');
  }
}
