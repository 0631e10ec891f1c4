import { expect, test } from '@jest/globals';
import type { CommandSpec, GroupSpec } from '../src/tree/spec.ts';
import { commandTree } from '../src/tree/tree.ts';
import { cli } from './rig.ts';

const leaves = (tree: readonly (GroupSpec | CommandSpec)[]) =>
  tree.flatMap((node) =>
    'load' in node
      ? [{ path: [node.name], spec: node }]
      : node.commands.map((spec) => ({ path: [node.name, spec.name], spec })),
  );

test('every command has code, a help that fits, and examples that call it', async () => {
  for (const { path, spec } of leaves(await commandTree(['up']))) {
    expect(typeof (await spec.load())).toBe('function');
    expect(spec.examples.length).toBeGreaterThan(0);
    for (const example of spec.examples) expect(`${example} `.startsWith(`${path.join(' ')} `)).toBe(true);
    const help = await cli([...path, '--help']);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('Examples:\n  $ millrace ');
    expect(help.out).toContain('--json');
  }
});

test('up: the configuration from options, environment and a file; wrong values name their option', async () => {
  const env = { MILLRACE__POOL_MAX: '7', MILLRACE__THREADS: '1' };
  const printed = await cli(['up', '--print-config', '--dir', '/tmp/x', '--gateway-port', '0', '--threads', '2'], {
    env,
  });
  expect(printed.code).toBe(0);
  expect(JSON.parse(printed.out)).toMatchObject({
    dataDirectory: '/tmp/x',
    poolMax: 7,
    threads: 2,
    gateway: { port: 0 },
  });
  const wrong = await cli(['up', '--print-config', '--grpc-port', 'abc', '--pool-max', '1']);
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain('(--grpc-port)');
  expect(wrong.err).toContain('(--pool-max)');
});

test('doctor tells a remedy for what is wrong', async () => {
  const ended = await cli(['doctor', '--dir', '/proc/1/nope', '--json']);
  const report = JSON.parse(ended.out) as { ok: boolean; findings: { check: string; state: string; remedy: string }[] };
  expect(report.findings.map((f) => f.check)).toEqual(
    expect.arrayContaining(['Node.js', 'PostgreSQL', 'disk', 'clock']),
  );
  for (const finding of report.findings) expect(finding.remedy === '').toBe(finding.state === 'ok');
  expect(ended.code).toBe(report.ok ? 0 : 1);
});
