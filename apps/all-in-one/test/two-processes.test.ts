import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TemporaryDirectory } from '@millrace/testing';
import { temporaryDirectory } from '@millrace/testing';
import { runCommand, startUp, type UpProcess } from './cli-process.ts';

let directory: TemporaryDirectory;
let first: UpProcess;

beforeAll(async () => {
  directory = await temporaryDirectory();
  first = await startUp(directory.path);
}, 60_000);

afterAll(async () => {
  await first?.stop();
  await directory?.[Symbol.asyncDispose]();
}, 30_000);

test('a second process on the data directory is refused, naming the first one, which goes on', async () => {
  const ports = ['--grpc-port', '0', '--gateway-port', '0'];
  const second = await runCommand(['up', '--json', '--dir', directory.path, ...ports]);
  expect(second.code).toBe(4);
  const told = JSON.parse(second.stderr || second.stdout) as { error: { reason: string; message: string } };
  expect(told.error.reason).toBe('DATA_DIRECTORY_IN_USE');
  expect(told.error.message).toContain(String(first.pid));
  expect(told.error.message).toContain(directory.path);

  const health = await fetch(`${first.httpUrl}/healthz`);
  expect(health.status).toBe(200);
  const listed = await runCommand(['datasets', 'ls', '--json', '--dir', directory.path]);
  expect(listed).toMatchObject({ code: 0 });
}, 60_000);

test('after it has stopped in order, the directory is free', async () => {
  expect(await first.stop()).toBe(0);
  first = await startUp(directory.path);
  expect((await fetch(`${first.httpUrl}/healthz`)).status).toBe(200);
}, 60_000);
