import { describe } from '@jest/globals';
import { createPostgresHarness } from '../test/postgresHarness.ts';
import { describeEventBus } from './bus.contract.ts';

describe('the log in the database of the services', () => describeEventBus(() => createPostgresHarness('same')));
describe('the log in another database', () => describeEventBus(() => createPostgresHarness('other')));
