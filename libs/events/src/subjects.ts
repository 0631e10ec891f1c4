import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument } from '@millrace/kernel';

const TOKEN = /^[a-z0-9][a-z0-9_-]*$/;
const SUBJECT = /^millrace\.[a-z][a-z0-9_-]*\.v[0-9]+\.[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/;
const SUBJECT_MAX_LENGTH = 200;

/** Throws INVALID_ARGUMENT `EVENT_SUBJECT_INVALID` unless `subject` is `millrace.<service>.v<n>.<resource>.<verb>`. */
export function checkSubject(subject: string): void {
  if (subject.length <= SUBJECT_MAX_LENGTH && SUBJECT.test(subject)) return;
  throw invalid('subject', subject, 'is not of the form millrace.<service>.v1.<resource>.<verb>');
}

/**
 * The regular expression (JavaScript and PostgreSQL alike) of a subject pattern as in NATS: `*` is one token, a trailing
 * `>` one or more (https://docs.nats.io/nats-concepts/subjects). Throws INVALID_ARGUMENT `EVENT_SUBJECT_INVALID`.
 */
export function patternToRegex(pattern: string, field = 'subjects'): string {
  const tokens = pattern.split('.');
  const parts = tokens.map((token, i) => {
    if (token === '*') return '[^.]+';
    if (token === '>' && i === tokens.length - 1) return '.+';
    if (!TOKEN.test(token)) throw invalid(field, pattern, 'is not a subject, nor a pattern with `*` or a trailing `>`');
    return token;
  });
  return `^${parts.join('\\.')}$`;
}

function invalid(field: string, subject: string, description: string): Error {
  const violation: FieldViolation = {
    field,
    reason: 'EVENT_SUBJECT_INVALID',
    description: `${JSON.stringify(subject.slice(0, SUBJECT_MAX_LENGTH))} ${description}.`,
  };
  return invalidArgument('EVENT_SUBJECT_INVALID', [violation]);
}
