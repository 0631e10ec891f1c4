import { expect, test } from '@jest/globals';
import { AppError } from '@millrace/kernel';
import { RETRY_POLICY, RetryBudget, retryDelayMs } from './retry.ts';

test('waits double up to the bound, jittered, and never fall below what the server asks', () => {
  const error = new AppError('UNAVAILABLE', 'x', { reason: 'X' });
  const policy = { ...RETRY_POLICY, baseDelayMs: 50, maxDelayMs: 300, random: () => 0.5 };
  expect([2, 3, 4, 5, 6].map((attempt) => retryDelayMs(policy, attempt, error))).toEqual([25, 50, 100, 150, 150]);
  const patient = new AppError('RESOURCE_EXHAUSTED', 'x', { reason: 'X', retryAfterMs: 700 });
  expect(retryDelayMs(policy, 2, patient)).toBe(700);
});

test('the budget stops retries after five failures in a row, and ten successes buy one back', () => {
  const budget = new RetryBudget();
  expect([1, 2, 3, 4, 5].map(() => budget.failed())).toEqual([true, true, true, true, false]);
  for (let i = 0; i < 10; i++) budget.succeeded();
  expect(budget.failed()).toBe(false); // 5 + 1 − 1 is not above half
  for (let i = 0; i < 20; i++) budget.succeeded();
  expect(budget.failed()).toBe(true);
});
