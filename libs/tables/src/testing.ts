import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDirectoryBlobs } from '@millrace/blobs';
import { createTableEngine } from './engine.ts';
import { createManifest, type Manifest } from './manifest.ts';

/** An engine over an empty directory of its own, for this package's tests. */
export async function openTestEngine(memoryMib = 256) {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-tables-'));
  const blobs = createDirectoryBlobs({ directory: join(directory, 'blobs') });
  const engine = await createTableEngine({ blobs, temporaryDirectory: join(directory, 'tmp'), memoryMib, threads: 2 });
  const dataset = async (sql: string): Promise<Manifest> => {
    const { schema, files } = await engine.writeParquet({ sql });
    return createManifest('workspaces/test/datasets/test', { schema, files });
  };
  const close = async () => {
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { directory, blobs, engine, dataset, close };
}
