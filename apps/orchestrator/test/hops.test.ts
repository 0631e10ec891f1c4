import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Rig } from './rig.ts';
import { apply, createRig, runToEnd, stateOf } from './rig.ts';

/** The runner's polling interval in milliseconds: a chain that waited for it would take this long a step. */
const POLL_MS = 2000;
/** Steps in the chain. */
const STEPS = 40;

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
  const steps = Array.from({ length: STEPS }, (_, i) => {
    const after = i === 0 ? '' : `after: [s${i - 1}], `;
    return `  - { id: s${i}, always: true, ${after}register: { registeredModel: m, trainingJob: workspaces/default/trainingJobs/w1 } }`;
  });
  await apply(rig, `name: chain\nsteps:\n${steps.join('\n')}`);
});
afterAll(() => rig.platform.stop());

test('steps follow each other by notification, far below any interval of polling', async () => {
  await runToEnd(rig, 'chain');
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const run = await runToEnd(rig, 'chain');
  const msPerHop = (performance.now() - begin) / STEPS;
  const used = process.cpuUsage(cpu);
  const cpuMs = (used.user + used.system) / 1000 / STEPS;
  expect(stateOf(run)).toBe('SUCCEEDED');
  process.stderr.write(
    `hop of a step that calls and returns: ${msPerHop.toFixed(1)} ms, ${cpuMs.toFixed(1)} ms of CPU\n`,
  );
  expect(msPerHop).toBeLessThan(POLL_MS / 2);
});
