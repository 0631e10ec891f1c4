import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { AppError, invalidArgument } from '@millrace/kernel';
import { nullLogger } from '@millrace/telemetry';
import type { TestDatabase } from '@millrace/testing';
import { createTestDatabase, waitFor } from '@millrace/testing';
import { trace } from '@opentelemetry/api';
import type { JobContext, JobKind, JobRow, JobRunner, NewJob } from './index.ts';
import { cancelJobs, enqueueJob, getJob, jobsMigrations, listJobs, startJobRunner, watchJob } from './index.ts';

let own: TestDatabase;
const runners: JobRunner[] = [];
const children: ChildProcessWithoutNullStreams[] = [];
let count = 0;

beforeAll(async () => {
  own = await createTestDatabase({ schema: 'jobs_test', migrations: [jobsMigrations] });
  await own.database.execute('create table effect (job text, by text)');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(runners.splice(0).map((runner) => runner.stop({ deadlineMs: 0 })));
});
afterAll(() => own.drop());

// biome-ignore lint/suspicious/noExplicitAny: payloads of any type
async function run(kinds: Record<string, JobKind<any>>, options: { leaseMs?: number } = {}): Promise<JobRunner> {
  const telemetry = { tracer: trace.getTracer('test') };
  const shared = { database: own.database, service: 'test', logger: nullLogger, telemetry, backoffMs: [5] };
  const runner = await startJobRunner({ ...shared, kinds, ...options });
  runners.push(runner);
  return runner;
}
async function enqueue(job: Partial<NewJob> & { kind: string }): Promise<string> {
  const id = job.id ?? `job-${++count}`;
  const whole = { id, resource: `runs/${id}`, payload: { n: count }, ...job };
  await own.database.withTransaction((tx) => enqueueJob(tx, whole));
  return id;
}
const cancel = (resource: string) => own.database.withTransaction((tx) => cancelJobs(tx, resource));
const job = async (id: string) => (await getJob(own.database, id)) as JobRow;
const reaches = (id: string, state: JobRow['state'], timeoutMs = 10_000) =>
  waitFor(async () => (await job(id)).state === state, { timeoutMs, what: `${id} ${state}` });
const untilAborted = ({ signal }: JobContext) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const effects = async (id: string) =>
  (await own.database.query<{ by: string }>('select by from effect where job = $1', [id])).map(({ by }) => by);

function startChild(): { child: ChildProcessWithoutNullStreams; line(): Promise<string> } {
  const script = join(import.meta.dirname, '../test/workerProcess.ts');
  const child = spawn(process.execPath, ['--no-warnings', script, own.url, 'jobs_test']);
  children.push(child);
  child.stderr.pipe(process.stderr);
  return { child, line: async () => String((await once(child.stdout, 'data'))[0]).trim() };
}

test('a job runs once, in the order of its commit, and says so', async () => {
  const seen: unknown[] = [];
  await run({
    simple: {
      handler: async (ctx) => {
        seen.push({ id: ctx.id, resource: ctx.resource, payload: ctx.payload, attempt: ctx.attempt });
        ctx.progress({ fraction: 0.5, message: 'half', rows: 7 });
        await ctx.commit((tx) => tx.execute(`insert into effect values ($1, 'me')`, [ctx.id]));
      },
    },
  });
  const id = await enqueue({ kind: 'simple', payload: ['any', { json: 1 }] });
  await enqueue({ kind: 'simple', id, payload: 'the same id again does nothing' });
  await reaches(id, 'SUCCEEDED');
  expect(seen).toEqual([{ id, resource: `runs/${id}`, payload: ['any', { json: 1 }], attempt: 1 }]);
  expect(await effects(id)).toEqual(['me']);
  const done = await job(id);
  expect(done).toMatchObject({ attempt: 1, error: undefined, progress: { fraction: 1, message: 'half', rows: 7 } });
  expect(done.finishedTime?.getTime()).toBeGreaterThanOrEqual(done.startedTime?.getTime() ?? Infinity);
  expect((await listJobs(own.database, { resource: `runs/${id}`, states: ['SUCCEEDED'] })).map((j) => j.id)).toEqual([
    id,
  ]);
  expect(await listJobs(own.database, { resource: `runs/${id}`, states: ['FAILED'] })).toEqual([]);
});

test('two runners share 200 jobs: none is done twice, none is left, and no more run at a time than allowed', async () => {
  let running = 0;
  let most = 0;
  const kinds = {
    shared: {
      concurrency: 3,
      handler: async (ctx: JobContext) => {
        most = Math.max(most, ++running);
        await ctx.commit((tx) => tx.execute(`insert into effect values ($1, 'shared')`, [ctx.id]));
        running -= 1;
      },
    },
  };
  await own.database.withTransaction(async (tx) => {
    for (let i = 0; i < 200; i++)
      await enqueueJob(tx, { id: `shared-${i}`, kind: 'shared', resource: 'r', payload: i });
  });
  await Promise.all([run(kinds), run(kinds)]);
  const counts = () =>
    own.database.one<{ jobs: number; effects: number }>(
      `select (select count(*) from jobs where kind = 'shared' and state = 'SUCCEEDED' and attempt = 1) jobs,
         (select count(*) from effect where by = 'shared') effects`,
    );
  await waitFor(async () => (await counts()).jobs === 200, { timeoutMs: 30_000 });
  expect(await counts()).toEqual({ jobs: 200, effects: 200 });
  expect(most).toBeLessThanOrEqual(6);
  expect(most).toBeGreaterThan(1);
});

test('a worker that is paused past its lease loses the job and cannot write when it wakes', async () => {
  const id = await enqueue({ kind: 'work' });
  const { child, line } = startChild();
  expect(await line()).toBe('ready');
  child.kill('SIGSTOP');
  await run({
    work: {
      handler: async (ctx) =>
        void (await ctx.commit((tx) => tx.execute(`insert into effect values ($1, 'second')`, [ctx.id]))),
    },
  });
  await reaches(id, 'SUCCEEDED');
  const outcome = line();
  child.stdin.write('go\n'); // waits in the pipe, so that the child commits as soon as it wakes
  child.kill('SIGCONT');
  expect(await outcome).toBe('LEASE_LOST');
  expect(await effects(id)).toEqual(['second']);
  expect(await job(id)).toMatchObject({ state: 'SUCCEEDED', attempt: 2 });
});

test('a job whose worker was killed goes on from its checkpoint elsewhere', async () => {
  const id = await enqueue({ kind: 'work' });
  const { child, line } = startChild();
  expect(await line()).toBe('ready');
  child.kill('SIGKILL');
  const seen: unknown[] = [];
  await run({ work: { handler: async (ctx) => void seen.push(ctx.attempt, await ctx.checkpoint()) } });
  await reaches(id, 'SUCCEEDED');
  expect(seen).toEqual([2, { step: 3 }]);
});

test('a job whose workers all die fails instead of going round for ever', async () => {
  const id = await enqueue({ kind: 'work', maxAttempts: 1 });
  const { child, line } = startChild();
  expect(await line()).toBe('ready');
  child.kill('SIGKILL');
  const failed: unknown[] = [];
  await run({ work: { handler: async () => {}, onFailed: async (_, { error }) => void failed.push(error.reason) } });
  await reaches(id, 'FAILED');
  expect(failed).toEqual(['JOB_WORKER_LOST']);
});

test('a long job keeps its lease by its heartbeat', async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let starts = 0;
  const kinds = {
    long: {
      handler: async () => {
        starts += 1;
        await released;
      },
    },
  };
  await run(kinds, { leaseMs: 300 });
  await run(kinds, { leaseMs: 300 });
  const id = await enqueue({ kind: 'long' });
  const start = performance.now();
  await waitFor(() => performance.now() - start > 1000);
  release();
  await reaches(id, 'SUCCEEDED');
  expect(starts).toBe(1);
});

test('errors are retried by their class, with back-off, up to the bound; onFailed is in the transaction of the failure', async () => {
  const attempts: string[] = [];
  await run({
    faulty: {
      handler: async (ctx: JobContext<{ throws: 'once' | 'always' | 'fatal' }>) => {
        attempts.push(`${ctx.id} ${ctx.attempt}`);
        if (ctx.payload.throws === 'fatal') throw invalidArgument('NO_LABEL', [{ field: 'label', description: 'x' }]);
        if (ctx.payload.throws === 'always') throw new AppError('UNAVAILABLE', 'away', { reason: 'AWAY' });
        if (ctx.attempt === 1) throw new Error('by chance');
      },
      onFailed: async (tx, { id, state, error }) =>
        void (await tx.execute('insert into effect values ($1, $2)', [id, `${state} ${error.reason}`])),
    },
  });
  const once = await enqueue({ kind: 'faulty', payload: { throws: 'once' } });
  const always = await enqueue({ kind: 'faulty', payload: { throws: 'always' }, maxAttempts: 3 });
  const fatal = await enqueue({ kind: 'faulty', payload: { throws: 'fatal' } });
  await reaches(once, 'SUCCEEDED');
  await reaches(always, 'FAILED');
  await reaches(fatal, 'FAILED');
  expect(attempts.toSorted()).toEqual(
    [`${always} 1`, `${always} 2`, `${always} 3`, `${fatal} 1`, `${once} 1`, `${once} 2`].toSorted(),
  );
  expect(await effects(always)).toEqual(['FAILED AWAY']);
  expect(await effects(fatal)).toEqual(['FAILED NO_LABEL']);
  expect((await job(fatal)).error).toMatchObject({ code: 'INVALID_ARGUMENT', violations: [{ field: 'label' }] });
});

test('cancellation reaches a running job within a second, and a waiting one', async () => {
  const ended: string[] = [];
  await run({
    endless: {
      handler: untilAborted,
      onFailed: async (_, { id, state, error }) => void ended.push(`${id} ${state} ${error.reason}`),
    },
  });
  const running = await enqueue({ kind: 'endless' });
  const waiting = await enqueue({ kind: 'endless', runAt: new Date(Date.now() + 3_600_000) });
  await reaches(running, 'RUNNING');
  await cancel(`runs/${running}`);
  await reaches(running, 'CANCELLED', 1000);
  await cancel(`runs/${waiting}`);
  await reaches(waiting, 'CANCELLED');
  expect(ended).toEqual([`${running} CANCELLED JOB_CANCELLED`, `${waiting} CANCELLED JOB_CANCELLED`]);
});

test('a job past its deadline fails and is not tried again', async () => {
  await run({ endless: { handler: untilAborted } });
  const id = await enqueue({ kind: 'endless', deadlineMs: 50, maxAttempts: 5 });
  await reaches(id, 'FAILED');
  expect(await job(id)).toMatchObject({
    attempt: 1,
    error: { code: 'DEADLINE_EXCEEDED', reason: 'JOB_DEADLINE_EXCEEDED' },
  });
});

test('a runner that stops hands its jobs back, the attempt not counted, even if the handler does not listen', async () => {
  const deaf = await enqueue({ kind: 'deaf' });
  const polite = await enqueue({ kind: 'polite' });
  const late: Promise<unknown>[] = [];
  let wake = () => {};
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const runner = await run({
    polite: { handler: untilAborted },
    deaf: {
      handler: async (ctx) => {
        await woken;
        const commit = ctx.commit((tx) => tx.execute(`insert into effect values ($1, 'late')`, [ctx.id]));
        late.push(commit.catch((error) => error.reason));
        await commit;
      },
    },
  });
  await reaches(deaf, 'RUNNING');
  await reaches(polite, 'RUNNING');
  await runner.stop({ deadlineMs: 50 });
  expect(await job(deaf)).toMatchObject({ state: 'PENDING', attempt: 0 });
  expect(await job(polite)).toMatchObject({ state: 'PENDING', attempt: 0 });
  wake();
  await waitFor(() => late.length === 1);
  expect(await late[0]).toBe('LEASE_LOST');
  expect(await effects(deaf)).toEqual([]);
  await run({ polite: { handler: async () => {} } });
  await reaches(polite, 'SUCCEEDED');
});

test('watching gives each change until the job is final', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const id = await enqueue({ kind: 'watched' });
  const states: string[] = [];
  const watching = (async () => {
    for await (const row of watchJob(own.database, id, new AbortController().signal)) {
      states.push(`${row.state} ${row.progress?.fraction ?? ''}`);
      if (row.state === 'RUNNING') gates[row.progress ? 1 : 0].resolve();
    }
  })();
  await waitFor(() => states.length === 1);
  await run({
    watched: {
      handler: async (ctx) => {
        await gates[0].promise;
        ctx.progress({ fraction: 0.25 });
        await gates[1].promise;
      },
    },
  });
  await watching;
  expect(states).toEqual(['PENDING ', 'RUNNING ', 'RUNNING 0.25', 'SUCCEEDED 1']);

  const abort = new AbortController();
  const pending = await enqueue({ kind: 'nobody' });
  for await (const row of watchJob(own.database, pending, abort.signal)) {
    expect(row.state).toBe('PENDING');
    abort.abort();
  }
});

test('a job is refused that could not be worked on', async () => {
  await expect(enqueue({ kind: '', id: '', maxAttempts: 0, payload: 'x'.repeat(1_000_001) })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'JOB_INVALID',
    violations: [{ field: 'id' }, { field: 'kind' }, { field: 'payload' }, { field: 'maxAttempts' }],
  });
});
