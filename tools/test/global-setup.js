import { startTestPostgres } from './postgres.js';

/**
 * Starts one throwaway PostgreSQL for the whole run; test files clone a database each (`@millrace/testing`).
 * With MILLRACE_TEST_POSTGRES_URL set, that server is used and nothing is started or stopped.
 */
export default async function globalSetup() {
  if (process.env.MILLRACE_TEST_POSTGRES_URL) return;
  const server = await startTestPostgres();
  process.env.MILLRACE_TEST_POSTGRES_URL = server.url;
  globalThis.millraceTestPostgres = server;
}
