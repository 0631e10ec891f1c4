import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { at, drawLabels, drawRows, ENDPOINT, monitor, type Rig, startRig, V1 } from './rig.ts';

let rig: Rig;
const rng = createRng(7);
const training = drawRows(rng, 5000, { prefix: 'train', startHour: -1000, hours: 500 });

beforeAll(async () => {
  rig = await startRig();
  await rig.register(V1, training, { auc: 0.75, log_loss: 0.5, positive_rate: 0.25 });
  const same = drawRows(rng, 3000, { prefix: 'same', startHour: 0, hours: 24 });
  const moved = drawRows(rng, 3000, { prefix: 'moved', startHour: 24, hours: 24, shift: 1 });
  rig.files.push(await rig.writeLog(same), await rig.writeLog(moved));
  await rig.monitoring.recordGroundTruth({ endpoint: ENDPOINT, groundTruths: drawLabels(same, 1) });
});
afterAll(() => rig?.stop());

test('the same distribution has not drifted', async () => {
  const { monitor: made } = await rig.monitoring.createMonitor({ monitor: monitor('calm') });
  const run = await rig.judge(made?.name ?? '', at(0), at(24));
  const [report] = run.reports;
  expect(report?.modelVersion).toBe(V1);
  expect(report?.rows).toBe(3000n);
  expect(report?.labelledRows).toBe(3000n);
  expect(report?.drift?.columns.map(({ column }) => column)).toEqual(['distance', 'late_rate', 'origin', 'prediction']);
  expect(report?.drift?.columns.filter(({ drifted }) => drifted)).toEqual([]);
  expect(run.alerts).toEqual([]);
});
