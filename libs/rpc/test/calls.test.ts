import { expect, test } from '@jest/globals';
import { EchoService } from '@millrace/contracts/millrace/testing/v1/echo_service';
import { AppError, invalidArgument } from '@millrace/kernel';
import type { Logger } from '@millrace/telemetry';
import { nullLogger } from '@millrace/telemetry';
import { createClient, implement } from '../src/index.ts';
import { collect, deferred, failureOf, startRig } from './rig.ts';

test('all four kinds of methods carry messages both ways', async () => {
  await using rig = await startRig({
    echo: async ({ text, payload }) => ({ text, payload }),
    async *count({ count }) {
      for (let index = 0; index < count; index++) yield { index };
    },
    async sum(requests) {
      let sum = 0n;
      for await (const { value } of requests) sum += BigInt(value);
      return { sum };
    },
    async *chat(requests) {
      for await (const { text } of requests) yield { text: text.toUpperCase() };
    },
  });
  const payload = Uint8Array.of(1, 2, 3);
  expect(await rig.client.echo({ text: 'Grüße', payload })).toMatchObject({ text: 'Grüße', payload });
  expect((await collect(rig.client.count({ count: 100 }))).map((m) => m.index)).toEqual([...Array(100).keys()]);
  expect(await collect(rig.client.count({ count: 0 }))).toEqual([]);
  async function* values() {
    for (let value = 1; value <= 100; value++) yield { value };
  }
  expect((await rig.client.sum(values())).sum).toBe(5050n);
  async function* words() {
    for (const text of ['a', 'b', 'c']) yield { text };
  }
  expect((await collect(rig.client.chat(words()))).map((m) => m.text)).toEqual(['A', 'B', 'C']);
  expect(await failureOf(rig.client.append({ text: 'x' }))).toMatchObject({ code: 'UNIMPLEMENTED' });
});

test('a conversation goes to and fro, each side waiting for the other', async () => {
  await using rig = await startRig({
    async *chat(requests) {
      for await (const { text } of requests) yield { text: `${text}!` };
    },
  });
  let answered = deferred();
  async function* questions() {
    for (let i = 0; i < 3; i++) {
      yield { text: String(i) };
      await answered.promise;
      answered = deferred();
    }
  }
  const heard: string[] = [];
  for await (const { text } of rig.client.chat(questions())) {
    heard.push(text);
    answered.resolve();
  }
  expect(heard).toEqual(['0!', '1!', '2!']);
});

test('an AppError comes back with all of its facts, and without its cause', async () => {
  const sent = new AppError('FAILED_PRECONDITION', 'The dataset "ä" is not published. Publish it first.', {
    reason: 'DATASET_NOT_PUBLISHED',
    fields: { dataset: 'workspaces/default/datasets/ä', version: '3' },
    violations: [{ field: 'steps[2].label', description: 'no such column', reason: 'UNKNOWN_COLUMN' }],
    retryAfterMs: 1500,
    cause: new Error('secret'),
  });
  await using rig = await startRig({ append: () => Promise.reject(sent), count: () => failing(sent) });
  for (const got of [
    await failureOf(rig.client.append({})),
    await failureOf(collect(rig.client.count({ count: 1 }, {}))),
  ]) {
    expect(got).toBeInstanceOf(AppError);
    expect(got).toMatchObject({
      code: sent.code,
      reason: sent.reason,
      fields: sent.fields,
      violations: sent.violations,
      retryAfterMs: 1500,
    });
    expect((got as AppError).message).toBe(sent.message);
    expect((got as AppError).cause).toBeUndefined();
  }
});

// biome-ignore lint/correctness/useYield: it fails before its first message
async function* failing(error: Error): AsyncGenerator<{ index: number }> {
  throw error;
}

test('many and long violations do not overflow the trailers', async () => {
  const violations = Array.from({ length: 5000 }, (_, i) => ({ field: `f[${i}]`, description: 'x'.repeat(200) }));
  await using rig = await startRig({ append: () => Promise.reject(invalidArgument('BAD', violations)) });
  const error = (await failureOf(rig.client.append({}))) as AppError;
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'BAD' });
  const [last, ...kept] = error.violations.toReversed();
  expect(kept.length).toBeGreaterThan(10);
  expect(last).toMatchObject({
    reason: 'MORE_VIOLATIONS',
    description: `${5000 - kept.length} further violations are not shown.`,
  });
});

test('an unknown error reaches the caller as INTERNAL with an id, and the log with its cause', async () => {
  const logged: [string, unknown][] = [];
  const logger: Logger = { ...nullLogger, error: (message, fields) => void logged.push([message, fields]) };
  const bug = new TypeError('x is undefined');
  await using rig = await startRig({ echo: () => Promise.reject(bug) }, { server: { logger } });
  const error = (await failureOf(rig.client.echo({}))) as AppError;
  expect(error).toMatchObject({ code: 'INTERNAL', reason: 'INTERNAL' });
  expect(error.message).not.toContain('undefined');
  expect(logged).toEqual([
    [expect.any(String), expect.objectContaining({ error_id: error.fields.error_id, err: bug })],
  ]);
});

test('all violations of the rules in the proto file are told at once, also within a stream', async () => {
  let calls = 0;
  await using rig = await startRig({
    echo: async () => {
      calls += 1;
      return {};
    },
    async sum(requests) {
      for await (const _ of requests) calls += 1;
      return { sum: 0n };
    },
  });
  expect(await failureOf(rig.client.echo({ text: 'x'.repeat(1001), repeat: 101 }))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'REQUEST_INVALID',
    violations: [
      { field: 'text', reason: 'STRING_MAX_LEN' },
      { field: 'repeat', reason: 'UINT32_LTE' },
    ],
  });
  expect(calls).toBe(0);
  async function* values() {
    yield { value: 1 };
    yield { value: -1 };
  }
  expect(await failureOf(rig.client.sum(values()))).toMatchObject({ violations: [{ field: 'value' }] });
  expect(calls).toBe(1);
});

test('headers and the caller reach the handler, and the caller goes on to further calls', async () => {
  const seen: unknown[] = [];
  await using back = await startRig({
    echo: async (_, ctx) => {
      seen.push([ctx.callerId, ctx.metadata.get('x-own')]);
      return {};
    },
  });
  await using front = await startRig({ echo: (request) => back.client.echo(request) });
  const client = createClient(EchoService, front.channel, { metadata: { 'millrace-caller-id': 'users/ada' } });
  await client.echo({}, { metadata: { 'x-own': '1' } });
  expect(seen).toEqual([['users/ada', undefined]]);
});

test('a raw method takes the place of a typed one, and its unreadable request is the caller’s fault', async () => {
  await using rig = await startRig(
    {},
    {
      server: {
        services: [implement(EchoService, {})],
        rawServices: [
          {
            path: '/millrace.testing.v1.EchoService/Echo',
            deserialize: (bytes) => {
              if (bytes.length > 10) throw new Error('too long for me');
              return bytes;
            },
            serialize: (bytes) => bytes as Buffer,
            handle: (bytes) => bytes,
          },
        ],
      },
    },
  );
  expect((await rig.client.echo({ text: 'raw' })).text).toBe('raw');
  expect(await failureOf(rig.client.echo({ text: 'much longer' }))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'REQUEST_UNREADABLE',
  });
});
