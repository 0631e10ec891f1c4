import { randomBytes } from 'node:crypto';
import { env } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/** An empty database on the server of the test run, and a superuser's connection beside it. */
export async function createScratchDatabase() {
  const server = env.MILLRACE_TEST_POSTGRES_URL;
  if (!server) throw new Error('MILLRACE_TEST_POSTGRES_URL is not set; run the tests with tools/test/run.ts');
  const name = `scratch_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.toString(),
    admin,
    async drop() {
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}

/** Resolves when the condition holds; fails after ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${condition}`);
    await pause(10);
  }
}
