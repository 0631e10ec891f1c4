import { jest } from '@jest/globals';

// On a shared build machine a test of time-outs or kills may miss its moment. There a failed test is run again, twice at most, with
// each error printed; on a developer's machine nothing is retried.
if (process.env.CI) jest.retryTimes(2, { logErrorsBeforeRetry: true });
