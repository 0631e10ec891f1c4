import { expect, test } from '@jest/globals';
import { commandTree } from '../tree/tree.ts';
import { candidates } from './words.ts';

const words = async (...given: string[]) => candidates(await commandTree([]), given);
const names = async (...given: string[]) => (await words(...given)).words.map((w) => w.word);

test('commands, then commands of the group', async () => {
  expect(await names('')).toEqual(expect.arrayContaining(['up', 'pipelines', 'datasets', 'demo']));
  expect(await names('')).not.toContain('__complete');
  expect(await names('endpoints', '')).toEqual(['ls', 'show', 'predict', 'deploy', 'rollback']);
  expect(await names('nothing', '')).toEqual([]);
});

test('arguments by kind of resource, also behind options with values', async () => {
  expect((await words('datasets', 'show', 'fl')).kind).toBe('dataset');
  expect((await words('pipelines', 'run', '--param', 'a=b', '')).kind).toBe('pipeline');
  expect((await words('runs', 'compare', 'a', 'b', '')).kind).toBe('run');
  expect(await words('pipelines', 'show', 'a', '')).toEqual({ words: [] });
});

test('options and their values', async () => {
  expect(await names('dead-letters', 'ls', 'flights', '--')).toEqual(
    expect.arrayContaining(['--rule', '--state', '--json']),
  );
  expect(await names('dead-letters', 'ls', '--state', '')).toEqual(['open', 'replayed', 'all']);
  expect((await words('datasets', 'load', 'f.csv', '--into', '')).kind).toBe('dataset');
  expect((await words('status', '--dir', '')).kind).toBe('file');
  expect(await names('completion', '')).toEqual(['bash', 'zsh', 'fish']);
});
