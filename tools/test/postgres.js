import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../libs/postgres/src/index.ts';

/** Starts a PostgreSQL in a temporary directory. Gives its URL (superuser) and `stop`, which also removes the directory. */
export async function startTestPostgres() {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-test-pg-'));
  const server = await startEmbeddedPostgres({ directory });
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
