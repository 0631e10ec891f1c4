import { expect, test } from '@jest/globals';
import { checkSubject, patternToRegex } from './subjects.ts';

/** The examples of https://docs.nats.io/nats-concepts/subjects, in lower case. */
test.each([
  ['time.*.east', 'time.us.east', true],
  ['time.*.east', 'time.us.east.atlanta', false],
  ['time.*.east', 'time.east', false],
  ['time.us.*', 'time.us.east', true],
  ['time.us.*', 'time.us.east.atlanta', false],
  ['time.us.>', 'time.us.east', true],
  ['time.us.>', 'time.us.east.atlanta', true],
  ['time.us.>', 'time.us', false],
  ['time.us', 'timeXus', false],
  ['time.us', 'time.us', true],
])('pattern %s, subject %s: %s', (pattern, subject, matches) => {
  expect(new RegExp(patternToRegex(pattern)).test(subject)).toBe(matches);
});

test.each(['', '>.a', 'a..b', 'a.b*', 'a b', '.+'])('refuses the pattern "%s"', (pattern) => {
  expect(() => patternToRegex(pattern)).toThrow(expect.objectContaining({ reason: 'EVENT_SUBJECT_INVALID' }));
});

test('a subject names service, version, resource and verb', () => {
  checkSubject('millrace.feature-store.v1.feature_view.applied');
  for (const bad of ['millrace.a.v1.b', 'other.a.v1.b.c', 'millrace.a.v1.b.*', 'millrace.a.v1.B.c'])
    expect(() => checkSubject(bad)).toThrow(expect.objectContaining({ reason: 'EVENT_SUBJECT_INVALID' }));
});
