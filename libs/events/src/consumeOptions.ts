import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument } from '@millrace/kernel';
import { patternToRegex } from './subjects.ts';
import type { ConsumeOptions } from './types.ts';

const CONCURRENCY_DEFAULT = 4;
const MAX_ATTEMPTS_DEFAULT = 5;
const BACKOFF_DEFAULT_MS: readonly number[] = [100, 1000, 5000, 30_000];
const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;

/** {@link ConsumeOptions} with defaults filled in and subjects as regular expressions. */
export interface CheckedConsumeOptions extends Required<ConsumeOptions> {
  readonly regexes: readonly string[];
}

/** Throws INVALID_ARGUMENT `CONSUMER_INVALID` or `EVENT_SUBJECT_INVALID`. */
export function checkConsumeOptions(options: ConsumeOptions): CheckedConsumeOptions {
  const checked = {
    concurrency: CONCURRENCY_DEFAULT,
    maxAttempts: MAX_ATTEMPTS_DEFAULT,
    backoffMs: BACKOFF_DEFAULT_MS,
    startAt: 'beginning' as const,
    ...options,
  };
  const violations: FieldViolation[] = [];
  const demand = (holds: boolean, field: string, description: string) => {
    if (!holds) violations.push({ field, description, reason: 'CONSUMER_INVALID' });
  };
  demand(
    NAME.test(checked.name),
    'name',
    `${JSON.stringify(checked.name.slice(0, 100))} is not 1 to 100 lower-case letters, digits, ".", "-" or "_".`,
  );
  demand(checked.subjects.length > 0, 'subjects', 'At least one subject is needed.');
  demand(isCount(checked.concurrency), 'concurrency', `${checked.concurrency} is not a whole number from 1.`);
  demand(isCount(checked.maxAttempts), 'maxAttempts', `${checked.maxAttempts} is not a whole number from 1.`);
  demand(
    checked.backoffMs.every((ms) => ms >= 0),
    'backoffMs',
    'Pauses are not negative.',
  );
  if (violations.length > 0) throw invalidArgument('CONSUMER_INVALID', violations);
  return { ...checked, regexes: checked.subjects.map((subject) => patternToRegex(subject)) };
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
