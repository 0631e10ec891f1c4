import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory that is removed, with all in it, when it is disposed of (`await using`). */
export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

/** Makes an empty directory that other users may pass through (a PostgreSQL started by root runs as another user). */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-test-'));
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
