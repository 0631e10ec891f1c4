import { expect, test } from '@jest/globals';
import { names } from './names.ts';

test('a name survives formatting and parsing', () => {
  const name = names.datasetVersion.format({ workspace: 'default', dataset: 'flights', version: '3' });
  expect(name).toBe('workspaces/default/datasets/flights/versions/3');
  expect(names.datasetVersion.parse(name)).toEqual({ workspace: 'default', dataset: 'flights', version: '3' });
});

test.each([
  '',
  'workspaces/a/datasets/b/c',
  'workspaces/a/datasets/"b"',
  `workspaces/a/datasets/${'x'.repeat(10_000)}`,
  'workspaces/a/datasets/..',
  'workspaces/a/datasets/B',
])('refuses %.40s, naming the field', (name) => {
  expect(names.dataset.matches(name)).toBe(false);
  expect(() => names.dataset.parse(name, 'dataset')).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      reason: 'RESOURCE_NAME_INVALID',
      violations: [expect.objectContaining({ field: 'dataset' })],
    }),
  );
});

test('formatting refuses an id with a slash', () => {
  expect(() => names.dataset.format({ workspace: 'a', dataset: 'b/c' })).toThrow(
    expect.objectContaining({ reason: 'RESOURCE_ID_INVALID' }),
  );
});
