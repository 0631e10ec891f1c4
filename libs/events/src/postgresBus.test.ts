import { describe } from '@jest/globals';
import { describeEventBus } from './bus.contract.ts';
import { createPostgresHarness } from './postgresHarness.ts';

describe('the log in the database of the services', () => describeEventBus(() => createPostgresHarness('same')));
describe('the log in another database', () => describeEventBus(() => createPostgresHarness('other')));
