import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { EchoService } from '@millrace/contracts/millrace/testing/v1/echo_service';
import { AppError } from '@millrace/kernel';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { CallContext } from '../src/index.ts';
import { createChannel, createClient, withoutAmbientCall } from '../src/index.ts';
import { collect, deferred, failureOf, startRig, telemetry } from './rig.ts';

const MIB = 1024 * 1024;

/** Resolves with the reason when the call is aborted. */
function aborted(ctx: CallContext): Promise<AppError> {
  return new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve(ctx.signal.reason)));
}

test('a server that hangs: the caller gets DEADLINE_EXCEEDED in time, and the handler is told', async () => {
  const told = deferred<AppError>();
  await using rig = await startRig({
    append: async (_, ctx) => {
      void aborted(ctx).then(told.resolve);
      return new Promise(() => {});
    },
  });
  const started = performance.now();
  const error = await failureOf(rig.client.append({}, { timeoutMs: 150 }));
  expect(performance.now() - started).toBeLessThan(1500);
  expect(error).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    reason: 'DEADLINE_EXCEEDED',
    fields: { timeout_ms: '150' },
  });
  expect((await told.promise).code).toBe('DEADLINE_EXCEEDED');
});

test('no call is without a deadline, also when the caller sets none', async () => {
  let seen: CallContext | undefined;
  await using rig = await startRig({
    echo: async (_, ctx) => {
      seen = ctx;
      return {};
    },
  });
  const before = Date.now();
  await rig.client.echo({});
  const remaining = seen!.deadline.getTime() - before;
  expect(remaining).toBeGreaterThan(25_000);
  expect(remaining).toBeLessThanOrEqual(31_000);
});

test('a deadline is passed on to further calls, less the time spent; detached work is free of it', async () => {
  const deadlines: number[] = [];
  await using back = await startRig({
    echo: async (_, ctx) => {
      deadlines.push(ctx.deadline.getTime());
      return {};
    },
  });
  await using front = await startRig({
    echo: async (request) => {
      await back.client.echo(request, { timeoutMs: 60_000 });
      await withoutAmbientCall(() => back.client.echo(request, { timeoutMs: 60_000 }));
      return {};
    },
  });
  const before = Date.now();
  await front.client.echo({}, { timeoutMs: 5000 });
  expect(deadlines[0]! - before).toBeLessThanOrEqual(5200);
  expect(deadlines[1]! - before).toBeGreaterThan(50_000);
});

test('cancelling reaches the handler, and what the handler has called', async () => {
  const [entered, told] = [deferred(), deferred<AppError>()];
  await using back = await startRig({
    append: async (_, ctx) => {
      void aborted(ctx).then(told.resolve);
      entered.resolve();
      return new Promise(() => {});
    },
  });
  await using front = await startRig({ append: (request) => back.client.append(request) });
  const controller = new AbortController();
  const failure = failureOf(front.client.append({}, { signal: controller.signal }));
  await entered.promise;
  controller.abort();
  expect(await failure).toMatchObject({ code: 'CANCELLED', reason: 'CALL_CANCELLED' });
  expect((await told.promise).code).toBe('CANCELLED');
  expect(await failureOf(front.client.append({}, { signal: AbortSignal.abort() }))).toMatchObject({
    code: 'CANCELLED',
  });
});

test('leaving the loop over a stream closes the handler’s generator', async () => {
  const closed = deferred();
  await using rig = await startRig({
    async *count(_, ctx) {
      try {
        for (let index = 0; !ctx.signal.aborted; index++) {
          yield { index };
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        closed.resolve();
      }
    },
  });
  for await (const { index } of rig.client.count({ count: 0 })) if (index === 3) break;
  await closed.promise;
});

test('a server that dies in mid-stream: what came is kept, then UNAVAILABLE', async () => {
  await using rig = await startRig({
    async *count(_, ctx) {
      yield { index: 0 };
      yield { index: 1 };
      await aborted(ctx);
    },
  });
  const got: number[] = [];
  const failure = failureOf(
    (async () => {
      for await (const { index } of rig.client.count({ count: 9 })) {
        got.push(index);
        if (index === 1) void rig.server.stop();
      }
    })(),
  );
  expect(await failure).toMatchObject({ code: 'UNAVAILABLE', reason: 'SERVER_STOPPING' });
  expect(got).toEqual([0, 1]);
});

test('a connection that is cut in mid-stream is UNAVAILABLE, and the handler is told', async () => {
  const told = deferred<AppError>();
  await using rig = await startRig({
    async *count(_, ctx) {
      void aborted(ctx).then(told.resolve);
      yield { index: 0 };
      await new Promise(() => {});
    },
  });
  const sockets: Socket[] = [];
  const proxy = createServer((socket) => {
    const [host, port] = rig.address.split(':');
    const upstream = connect(Number(port), host);
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) {
      end.on('error', () => {});
      sockets.push(end);
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const channel = createChannel({ address, telemetry });
  const stream = createClient(EchoService, channel).count({ count: 9 })[Symbol.asyncIterator]();
  expect((await stream.next()).value).toMatchObject({ index: 0 });
  for (const socket of sockets) socket.destroy();
  expect(await failureOf(stream.next())).toMatchObject({ code: 'UNAVAILABLE' });
  expect((await told.promise).code).toBe('CANCELLED');
  channel.close();
  await new Promise((resolve) => proxy.close(resolve));
});

test('an answer that comes late is thrown away', async () => {
  const [entered, gate] = [deferred(), deferred()];
  await using rig = await startRig({
    append: async () => {
      entered.resolve();
      await gate.promise;
      return { count: 1 };
    },
    echo: async ({ text }) => ({ text }),
  });
  const failure = failureOf(rig.client.append({}, { timeoutMs: 100 }));
  await entered.promise;
  expect(await failure).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  gate.resolve();
  expect((await rig.client.echo({ text: 'still well' })).text).toBe('still well');
});

test('100 MB are refused: on the way out by the server, on the way in by the client, and as a request', async () => {
  const huge = new Uint8Array(100 * MIB);
  await using strict = await startRig({ append: async () => ({}), echo: async () => ({ payload: huge }) });
  expect(await failureOf(strict.client.echo({}))).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'MESSAGE_TOO_LARGE',
    fields: { max_bytes: String(16 * MIB) },
  });
  expect(await failureOf(strict.client.echo({ payload: huge }))).toMatchObject({ reason: 'MESSAGE_TOO_LARGE' });

  await using lax = await startRig(
    { echo: async () => ({ payload: huge }) },
    { server: { limits: { sendBytesMax: 200 * MIB } }, channel: { limits: { sendBytesMax: 200 * MIB } } },
  );
  expect(await failureOf(lax.client.echo({}))).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  expect(await failureOf(lax.client.echo({ payload: huge }))).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
});

test('a client that stops reading stops the handler, not the memory', async () => {
  let sent = 0;
  await using rig = await startRig({
    async *count({ payloadBytes }) {
      for (;;) {
        yield { index: sent, payload: new Uint8Array(payloadBytes) };
        sent += 1;
      }
    },
    echo: async ({ text }) => ({ text }),
  });
  const stream = rig.client.count({ count: 0, payloadBytes: MIB / 4 })[Symbol.asyncIterator]();
  await stream.next();
  // The handler has come to a stand when it sends nothing over many round trips of another call.
  for (let before = -1; before !== sent; ) {
    before = sent;
    for (let i = 0; i < 30; i++) await rig.client.echo({ text: 'x' });
  }
  expect(sent * (MIB / 4)).toBeLessThan(8 * MIB);
  const stoodAt = sent;
  for (let i = 0; i < 40; i++) await stream.next();
  expect(sent).toBeGreaterThan(stoodAt);
  await stream.return?.();
});

test('a handler that stops reading stops the client', async () => {
  const gate = deferred();
  let given = 0;
  await using rig = await startRig({
    async *chat(requests) {
      for await (const { text } of requests) {
        yield { text: String(text.length) };
        await gate.promise;
      }
    },
    echo: async ({ text }) => ({ text }),
  });
  async function* flood() {
    for (let i = 0; i < 200; i++) {
      given += 1;
      yield { text: 'x'.repeat(MIB / 4) };
    }
  }
  const answers = collect(rig.client.chat(flood()));
  for (let before = -1; before !== given; ) {
    before = given;
    for (let i = 0; i < 30; i++) await rig.client.echo({ text: 'x' });
  }
  expect(given).toBeLessThan(100);
  gate.resolve();
  expect(await answers).toHaveLength(200);
});

test('a request generator is closed when the server ends the call first, and its own failure is what the caller gets', async () => {
  await using rig = await startRig({
    async *chat(requests) {
      for await (const { text } of requests) {
        if (text === 'stop') throw new AppError('ABORTED', 'Enough.', { reason: 'ENOUGH' });
        yield { text };
      }
    },
  });
  const closed = deferred();
  async function* talk() {
    try {
      for (const text of ['a', 'stop']) yield { text };
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        yield { text: 'more' };
      }
    } finally {
      closed.resolve();
    }
  }
  expect(await failureOf(collect(rig.client.chat(talk())))).toMatchObject({ code: 'ABORTED', reason: 'ENOUGH' });
  await closed.promise;

  async function* broken() {
    yield { text: 'a' };
    throw new RangeError('my own bug');
  }
  expect(await failureOf(collect(rig.client.chat(broken())))).toBeInstanceOf(RangeError);
});

test('too many calls at once are refused with a hint when to come back', async () => {
  const [gate, entered] = [deferred(), deferred()];
  await using rig = await startRig(
    {
      append: async () => {
        entered.resolve();
        await gate.promise;
        return { count: 1 };
      },
    },
    { server: { limits: { concurrentCallsMax: 1 } } },
  );
  const first = rig.client.append({});
  await entered.promise;
  expect(await failureOf(rig.client.append({}))).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'CONCURRENT_CALLS_EXCEEDED',
    retryAfterMs: expect.any(Number),
  });
  gate.resolve();
  expect((await first).count).toBe(1);
});

test('only what the contract calls safe is tried again, within the attempts and the budget', async () => {
  let calls = 0;
  let failures = 2;
  const unavailable = () => {
    calls += 1;
    if (calls <= failures) throw new AppError('UNAVAILABLE', 'Not now.', { reason: 'NOT_NOW' });
  };
  await using rig = await startRig(
    {
      echo: async () => {
        unavailable();
        return {};
      },
      append: async () => {
        unavailable();
        return {};
      },
      async *count() {
        unavailable();
        yield { index: 7 };
      },
    },
    { channel: { retry: { baseDelayMs: 1 } } },
  );
  const reset = (n: number) => {
    calls = 0;
    failures = n;
  };
  await rig.client.echo({});
  expect(calls).toBe(3);
  reset(2);
  expect((await collect(rig.client.count({ count: 1 }))).map((m) => m.index)).toEqual([7]);
  expect(calls).toBe(3);
  reset(2);
  expect(await failureOf(rig.client.append({}))).toMatchObject({ code: 'UNAVAILABLE', reason: 'NOT_NOW' });
  expect(calls).toBe(1);
  reset(Number.POSITIVE_INFINITY);
  for (let i = 0; i < 10; i++) await failureOf(rig.client.echo({}));
  expect(calls).toBeLessThan(14); // the budget is spent: single attempts from then on, not four each
});

test('a call to nobody fails with UNAVAILABLE, and the channel finds the server later', async () => {
  const gone = await startRig({});
  const { address } = gone;
  await gone[Symbol.asyncDispose]();
  const channel = createChannel({ address, telemetry, retry: { attemptsMax: 1 } });
  const client = createClient(EchoService, channel);
  expect(await failureOf(client.echo({}))).toMatchObject({ code: 'UNAVAILABLE' });
  expect(await failureOf(channel.waitForReady(50))).toMatchObject({ reason: 'SERVER_UNREACHABLE' });
  await using _ = await startRig({ echo: async () => ({ text: 'here' }) }, { server: { address } });
  await channel.waitForReady(10_000);
  expect((await client.echo({})).text).toBe('here');
  channel.close();
});

test('draining: no new calls, running ones finish, late ones are cut off and counted', async () => {
  const [entered, gate] = [deferred(), deferred()];
  const rig = await startRig({
    append: async () => {
      entered.resolve();
      await gate.promise;
      return { count: 5 };
    },
  });
  const running = rig.client.append({});
  await entered.promise;
  const drained = rig.server.drain(10_000);
  gate.resolve();
  expect((await running).count).toBe(5);
  expect(await drained).toEqual({ callsCutOff: 0 });
  rig.channel.close();

  const entered2 = deferred();
  const stuck = await startRig({
    append: async () => {
      entered2.resolve();
      return new Promise(() => {});
    },
  });
  const failure = failureOf(stuck.client.append({}));
  await entered2.promise;
  expect(await stuck.server.drain(20)).toEqual({ callsCutOff: 1 });
  expect(await failure).toMatchObject({ code: 'UNAVAILABLE', reason: 'SERVER_STOPPING' });
  stuck.channel.close();
});

test('an address in use is named', async () => {
  await using rig = await startRig({});
  expect(await failureOf(startRig({}, { server: { address: rig.address } }))).toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'ADDRESS_UNAVAILABLE',
    fields: { address: rig.address },
  });
  expect(context.active()).toBe(ROOT_CONTEXT);
});
