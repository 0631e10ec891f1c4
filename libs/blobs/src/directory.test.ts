import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ManualClock, sha256 } from '@millrace/kernel';
import { blobsContract } from './blobs.contract.ts';
import { storageError } from './errors.ts';
import { createDirectoryBlobs } from './index.ts';

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

blobsContract('directory', async (clock) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-blobs-'));
  const store = createDirectoryBlobs({ directory, clock });
  return {
    store,
    reopen: () => createDirectoryBlobs({ directory, clock }),
    async corrupt(digest) {
      const path = join(directory, 'sha256', digest.slice(7, 9), digest.slice(9));
      await chmod(path, 0o644);
      const file = await open(path, 'r+');
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, 77);
      byte[0]! ^= 4;
      await file.write(byte, 0, 1, 77);
      await file.close();
    },
    countObjects: async () => (await filesIn(directory)).length,
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

test('what a crash left behind is invisible, and collected later', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-blobs-'));
  try {
    const clock = new ManualClock(new Date(Date.now() + 86_400_000));
    await mkdir(join(directory, 'tmp'));
    await writeFile(join(directory, 'tmp', '1-dead'), 'half of a blob');
    const store = createDirectoryBlobs({ directory, clock });
    expect(await store.has(sha256('half of a blob'))).toBe(false);
    const result = await store.collect({ live: [], olderThanMs: 3_600_000 });
    expect(result).toEqual({ deleted: 0, deletedBytes: 0, kept: 0, keptBytes: 0, temporariesDeleted: 1 });
    expect(await filesIn(directory)).toEqual([]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('no room is told by the error of the system call, whatever it was', () => {
  const full = (code: string) => storageError(Object.assign(new Error('write'), { code }), '/data');
  const expected = { code: 'RESOURCE_EXHAUSTED', reason: 'STORAGE_FULL', fields: { directory: '/data' } };
  expect([full('ENOSPC'), full('EDQUOT')]).toMatchObject([expected, expected]);
  expect(full('EIO')).toMatchObject({ code: 'EIO' });
});

test('a full disk is a typed error and leaves nothing behind', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-full-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]).status === 0;
  try {
    if (!mounted) return console.warn('not run: no right to mount a small tmpfs here');
    const store = createDirectoryBlobs({ directory });
    const small = await store.put(new Uint8Array(1_000));
    await expect(store.put(new Uint8Array(4 << 20).fill(1))).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'STORAGE_FULL',
    });
    expect(await filesIn(directory)).toHaveLength(1);
    expect(await store.bytes(small.digest)).toHaveLength(1_000);
  } finally {
    if (mounted) spawnSync('umount', [directory]);
    await rm(directory, { recursive: true, force: true });
  }
});
