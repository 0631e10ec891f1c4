import { expect, test } from '@jest/globals';
import type { RpcServer } from '@millrace/rpc';
import { nullLogger } from '@millrace/telemetry';
import type { Module } from './module.ts';
import { orderByDependency } from './order.ts';
import { runModules } from './run-modules.ts';

function rig(log: string[]) {
  const server = {
    setServing: (service: string, on: boolean) => log.push(`serving ${service} ${on}`),
    drain: async () => void log.push('drain'),
    stop: async () => void log.push('server stopped'),
  } as unknown as RpcServer;
  const module = (name: string, dependsOn: string[], fails = false): Module => ({
    name,
    dependsOn,
    grpcServices: [],
    async start() {
      if (fails) throw new Error(`${name} cannot start`);
      log.push(`start ${name}`);
    },
    async stop() {
      log.push(`stop ${name}`);
      return [];
    },
  });
  return { server, module };
}

test('modules start behind what they depend on and stop in reverse, readiness first', async () => {
  const log: string[] = [];
  const { server, module } = rig(log);
  const modules = [module('c', ['b', 'elsewhere']), module('a', []), module('b', ['a'])];
  const running = await runModules({ modules, server, logger: nullLogger, stopDeadlineMs: 1000 });
  await running.stop();
  expect(log).toEqual([
    'start a',
    'start b',
    'start c',
    'serving  true',
    'serving  false',
    'drain',
    'stop c',
    'stop b',
    'stop a',
    'server stopped',
  ]);
});

test('a failed start stops what had started', async () => {
  const log: string[] = [];
  const { server, module } = rig(log);
  const modules = [module('a', []), module('b', ['a'], true)];
  await expect(runModules({ modules, server, logger: nullLogger, stopDeadlineMs: 1000 })).rejects.toThrow(
    'b cannot start',
  );
  expect(log).toEqual(['start a', 'stop a']);
});

test('a circle is named', () => {
  const { module } = rig([]);
  expect(() => orderByDependency([module('a', ['b']), module('b', ['a'])])).toThrow(
    expect.objectContaining({ reason: 'MODULE_CYCLE', fields: { circle: 'a → b → a' } }),
  );
});
