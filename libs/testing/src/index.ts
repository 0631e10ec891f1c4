/** What tests use: a database of their own, waiting for a condition, a directory that goes away. */
export type { TemporaryDirectory } from './temporaryDirectory.ts';
export { temporaryDirectory } from './temporaryDirectory.ts';
export type { TestDatabase, TestDatabaseOptions } from './testDatabase.ts';
export { createTestDatabase } from './testDatabase.ts';
export type { TestPlatform, TestPlatformOptions } from './testPlatform.ts';
export { createTestPlatform } from './testPlatform.ts';
export type { WaitOptions } from './waitFor.ts';
export { waitFor } from './waitFor.ts';
