import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { alias, describe, formatSettings, loadConfig, printConfig, secret } from './index.ts';

const schema = z.strictObject({
  directory: alias(z.string(), 'MILLRACE_DIR').default('.millrace').describe('Where the data is.'),
  http: z
    .strictObject({
      port: z.int().min(0).max(65_535).default(8080).describe('0 takes a free one.'),
      bodyBytesMax: z.int().positive().default(1024),
    })
    .prefault({}),
  mode: z.enum(['fast', 'slow']).default('fast'),
  tags: z.array(z.string()).default([]),
  password: secret(z.string().min(8)).describe('Of the database.'),
  token: secret(z.string()).optional(),
});
const password = 'long enough';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-config-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function write(name: string, text: string): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, text);
  return file;
}

/** The violations of what `work` throws, by field. */
function violationsOf(work: () => unknown): Record<string, string> {
  try {
    work();
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'CONFIG_INVALID' });
    const { violations } = error as { violations: { field: string; description: string }[] };
    return Object.fromEntries(violations.map((v) => [v.field, v.description]));
  }
  throw new Error('nothing was thrown');
}

test('defaults, then file, then environment, then overrides', async () => {
  const file = await write('order.yaml', 'http:\n  port: 1\n  bodyBytesMax: 2\nmode: slow\ndirectory: f\n');
  const environment = {
    MILLRACE__HTTP__PORT: '3',
    MILLRACE_DIR: '123',
    MILLRACE__TAGS: '[a, b]',
    MILLRACE__PASSWORD: '00000000',
    PATH: '/bin',
  };
  expect(loadConfig(schema, { file, environment, overrides: { mode: 'fast', token: undefined } })).toEqual({
    directory: '123',
    http: { port: 3, bodyBytesMax: 2 },
    mode: 'fast',
    tags: ['a', 'b'],
    password: '00000000',
  });
  expect(loadConfig(schema, { overrides: { password } })).toEqual({
    directory: '.millrace',
    http: { port: 8080, bodyBytesMax: 1024 },
    mode: 'fast',
    tags: [],
    password,
  });
});

test('every mistake is reported at once with its place, and secrets are not quoted', async () => {
  const file = await write('bad.json', '{\n  "http": {\n    "port": "many",\n    "prot": 1\n  },\n  "mod": 1\n}');
  const environment = {
    MILLRACE__PASSWORD: 'hunter2',
    MILLRACE__HTTP__BODY_BYTES_MAX: '-1',
    MILLRACE__HTPP__PORT: '1',
  };
  const violations = violationsOf(() => loadConfig(schema, { file, environment }));
  expect(Object.keys(violations).sort()).toEqual([
    'MILLRACE__HTPP__PORT',
    'http.bodyBytesMax',
    'http.port',
    'http.prot',
    'mod',
    'password',
  ]);
  expect(violations['http.port']).toContain(`${file}:3:5`);
  expect(violations['http.prot']).toContain(`${file}:4:5`);
  expect(violations.mod).toContain(`${file}:6:3`);
  expect(violations['http.bodyBytesMax']).toContain('MILLRACE__HTTP__BODY_BYTES_MAX');
  expect(violations.password).toContain('MILLRACE__PASSWORD');
  expect(JSON.stringify(violations)).not.toContain('hunter2');
});

test('a missing value, a missing file and a file that is not YAML are named', async () => {
  expect(Object.keys(violationsOf(() => loadConfig(schema, {})))).toEqual(['password']);
  const missing = join(directory, 'none.yaml');
  expect(Object.keys(violationsOf(() => loadConfig(schema, { file: missing })))).toEqual([missing]);
  const broken = await write('broken.yaml', 'mode: fast\nhttp: [1\n');
  expect(Object.keys(violationsOf(() => loadConfig(schema, { file: broken })))[0]).toMatch(/broken\.yaml:[23]:\d+$/);
  const list = await write('list.yaml', '- 1\n');
  expect(Object.keys(violationsOf(() => loadConfig(schema, { file: list })))).toEqual([`${list}:1:1`]);
});

test('a plain object schema refuses unknown keys too, and variables of others can be left alone', () => {
  const plain = z.object({ port: z.int().default(1) });
  expect(Object.keys(violationsOf(() => loadConfig(plain, { overrides: { prot: 1 } })))).toEqual(['prot']);
  const environment = { MILLRACE__SERVING__X: '1' };
  expect(loadConfig(plain, { environment, ignorePrefixes: ['MILLRACE__SERVING__'] })).toEqual({ port: 1 });
});

test('a key named __proto__ is an unknown key, not a prototype', async () => {
  const file = await write('proto.json', '{"__proto__": {"mode": "slow"}}');
  expect(Object.keys(violationsOf(() => loadConfig(schema, { file, overrides: { password } })))).toEqual(['__proto__']);
});

test('the table of settings shows variables, types, defaults and meanings', () => {
  expect(describe(schema)).toEqual([
    {
      variable: 'MILLRACE__DIRECTORY, MILLRACE_DIR',
      type: 'string',
      default: '".millrace"',
      meaning: 'Where the data is.',
    },
    { variable: 'MILLRACE__HTTP__PORT', type: 'integer', default: '8080', meaning: '0 takes a free one.' },
    { variable: 'MILLRACE__HTTP__BODY_BYTES_MAX', type: 'integer', default: '1024', meaning: '' },
    { variable: 'MILLRACE__MODE', type: 'fast | slow', default: '"fast"', meaning: '' },
    { variable: 'MILLRACE__TAGS', type: 'array', default: '[]', meaning: '' },
    { variable: 'MILLRACE__PASSWORD', type: 'string', default: 'required', meaning: 'Of the database.' },
    { variable: 'MILLRACE__TOKEN', type: 'string', default: '', meaning: '' },
  ]);
  expect(formatSettings(schema).split('\n')).toHaveLength(8);
});

test('a printed configuration hides secrets', () => {
  const printed = printConfig(schema, loadConfig(schema, { overrides: { password, token: 'abc' } }));
  expect(JSON.parse(printed)).toMatchObject({ mode: 'fast', password: '***', token: '***' });
  expect(printed).not.toContain(password);
});
