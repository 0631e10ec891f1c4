import { create } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { ComparisonGateSchema, MetricGateSchema } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { judgeComparison, judgeMetric } from './gates.ts';

test.each([
  [{ minValue: 0.7 }, 0.7, true],
  [{ minValue: 0.7 }, 0.69, false],
  [{ maxValue: 0.5 }, 0.51, false],
  [{ minValue: 0.1, maxValue: 0.5 }, 0.3, true],
])('%j with %d holds: %s', (bounds, value, holds) => {
  expect(judgeMetric(create(MetricGateSchema, { metric: 'auc', ...bounds }), { auc: value }).holds).toBe(holds);
});

test('a metric that is not there does not hold, and the known ones are named', () => {
  const outcome = judgeMetric(create(MetricGateSchema, { metric: 'auk', minValue: 0.5 }), { auc: 0.9, brier: 0.1 });
  expect(outcome).toMatchObject({ holds: false, evidence: expect.stringContaining('auc, brier') });
});

test('a comparison holds at the asked confidence and not below', () => {
  const gate = create(ComparisonGateSchema, { metric: 'log_loss', evaluationSet: 'workspaces/w/trainingSets/e' });
  const found = { candidate: 0.44, incumbent: 0.45, lower: -0.02, upper: 0, rows: 100 };
  expect(judgeComparison(gate, 'champion', 'v1', { ...found, probability: 0.95 }).holds).toBe(true);
  expect(judgeComparison(gate, 'champion', 'v1', { ...found, probability: 0.949 }).holds).toBe(false);
});
