import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRng, type Digest, ManualClock, sha256 } from '@millrace/kernel';
import type { BlobStore } from './store.ts';

/** One adapter under test, over an empty storage of its own. */
export interface BlobsRig {
  /** The adapter, its ages told by the clock that `create` was given. */
  readonly store: BlobStore;
  /** A second, fresh instance over the same storage, as after a restart or in another process. */
  reopen(): BlobStore;
  /** Flips one bit of a stored blob behind the adapter's back. */
  corrupt(digest: Digest): Promise<void>;
  /** The number of all objects or files in the storage, also unfinished ones. */
  countObjects(): Promise<number>;
  /** Removes everything. */
  dispose(): Promise<void>;
}

/** The suite that every adapter of {@link BlobStore} passes. */
export function blobsContract(name: string, create: (clock: ManualClock) => Promise<BlobsRig>): void {
  describe(`blobs: ${name}`, () => {
    const clock = new ManualClock('2026-01-01T00:00:00Z');
    let rig: BlobsRig;
    let scratch: string;
    const bytesOf = (length: number, seed: number) => {
      const rng = createRng(seed);
      const words = Uint32Array.from({ length: 16_384 }, () => rng.nextUint32());
      return Uint8Array.from({ length }, (_, i) => words[i % 16_384]! >>> ((i >>> 14) % 25));
    };
    const read = async (source: AsyncIterable<Uint8Array>) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    beforeAll(async () => {
      rig = await create(clock);
      scratch = await mkdtemp(join(tmpdir(), 'millrace-blobs-'));
    });
    afterAll(async () => {
      await rig.dispose();
      await rm(scratch, { recursive: true, force: true });
    });

    test('gives back what was put, under the digest of its content', async () => {
      const content = bytesOf(300_000, 1);
      const info = await rig.store.put(content);
      expect(info).toEqual({ digest: sha256(content), sizeBytes: 300_000 });
      expect(Buffer.compare(await read(rig.store.get(info.digest)), content)).toBe(0);
      expect(await rig.reopen().sizeOf(info.digest)).toBe(300_000);
      expect(await rig.reopen().has(info.digest)).toBe(true);
      expect(Buffer.compare(await readFile(await rig.reopen().localPath(info.digest)), content)).toBe(0);
    });

    test('zero bytes are a blob like any other', async () => {
      const info = await rig.store.put(new Uint8Array());
      expect(info.digest).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
      expect(await rig.store.bytes(info.digest)).toHaveLength(0);
      expect((await read(rig.store.get(info.digest, { start: 0 }))).length).toBe(0);
    });

    test('ranges, and those that do not lie within', async () => {
      const content = bytesOf(5_000, 2);
      const { digest } = await rig.store.put(content);
      const part = await read(rig.reopen().get(digest, { start: 1_000, end: 1_010 }));
      expect([...part]).toEqual([...content.subarray(1_000, 1_010)]);
      expect((await read(rig.store.get(digest, { start: 4_990 }))).length).toBe(10);
      for (const range of [{ start: -1 }, { start: 0, end: 5_001 }, { start: 7, end: 6 }])
        await expect(read(rig.store.get(digest, range))).rejects.toMatchObject({ reason: 'BLOB_RANGE_INVALID' });
    });

    test('what is not there, and what is no digest', async () => {
      const missing = sha256('never stored');
      expect(await rig.store.has(missing)).toBe(false);
      const calls = [
        () => rig.store.bytes(missing),
        () => rig.store.localPath(missing),
        () => rig.store.sizeOf(missing),
      ];
      for (const call of calls)
        await expect(call()).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'BLOB_NOT_FOUND' });
      const evil = 'sha256:../../../../etc/passwd' as Digest;
      await expect(rig.store.bytes(evil)).rejects.toMatchObject({ reason: 'DIGEST_INVALID' });
    });

    test('a source that breaks off leaves nothing, and its error comes through', async () => {
      const before = await rig.countObjects();
      const content = bytesOf(3_000_000, 3);
      const broken = async function* () {
        yield content.subarray(0, 2_000_000);
        throw new Error('cut');
      };
      await expect(rig.store.put(broken())).rejects.toThrow('cut');
      expect(await rig.countObjects()).toBe(before);
      expect(await rig.store.has(sha256(content.subarray(0, 2_000_000)))).toBe(false);
    });

    test('nothing is visible while a write is under way', async () => {
      const content = bytesOf(200_000, 4);
      const digest = sha256(content);
      const seen: boolean[] = [];
      const watched = async function* () {
        for (let at = 0; at < content.length; at += 50_000) {
          yield content.subarray(at, at + 50_000);
          seen.push(await rig.reopen().has(digest));
        }
      };
      await rig.store.put(watched());
      expect(seen).toEqual([false, false, false, false]);
      expect(await rig.reopen().has(digest)).toBe(true);
    });

    test('many writers of one content make one object', async () => {
      const before = await rig.countObjects();
      const content = bytesOf(400_000, 5);
      const stores = [rig.store, rig.reopen(), rig.reopen()];
      const infos = await Promise.all(Array.from({ length: 12 }, (_, i) => stores[i % 3]!.put(content)));
      expect(new Set(infos.map((info) => info.digest))).toEqual(new Set([sha256(content)]));
      expect(await rig.countObjects()).toBe(before + 1);
    });

    test('a flipped bit is found by every way of reading, and healed by writing again', async () => {
      const content = bytesOf(2_500_000, 6);
      const { digest } = await rig.store.put(content);
      await rig.corrupt(digest);
      const lost = { code: 'DATA_LOSS', reason: 'BLOB_CORRUPT' };
      let handedOut = 0;
      const reading = (async () => {
        for await (const chunk of rig.store.get(digest)) handedOut += chunk.length;
      })();
      await expect(reading).rejects.toMatchObject(lost);
      expect(handedOut).toBeLessThan(content.length);
      await expect(rig.reopen().bytes(digest)).rejects.toMatchObject(lost);
      await expect(rig.reopen().localPath(digest)).rejects.toMatchObject(lost);
      await expect(read(rig.reopen().get(digest, { start: 0, end: 1 }))).rejects.toMatchObject(lost);
      await rig.store.put(content);
      expect(Buffer.compare(await rig.reopen().bytes(digest), content)).toBe(0);
    });

    test('a file is stored by copy, or given away', async () => {
      const content = bytesOf(1_200_000, 7);
      const path = join(scratch, 'file');
      await writeFile(path, content);
      expect(await rig.store.putFile(path)).toEqual({ digest: sha256(content), sizeBytes: content.length });
      await writeFile(path, 'changed later');
      expect(Buffer.compare(await rig.reopen().bytes(sha256(content)), content)).toBe(0);
      const moved = await rig.store.putFile(path, { move: true });
      expect(moved).toEqual({ digest: sha256('changed later'), sizeBytes: 13 });
      await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(Buffer.from(await rig.reopen().bytes(moved.digest)).toString()).toBe('changed later');
    });

    test('memory does not grow with the size', async () => {
      const chunk = new Uint8Array(1 << 20).fill(7);
      const long = async function* () {
        for (let i = 0; i < 256; i++) yield chunk;
      };
      global.gc?.();
      const before = process.memoryUsage().arrayBuffers;
      let peak = 0;
      const { digest, sizeBytes } = await rig.store.put(long());
      let length = 0;
      for await (const part of rig.store.get(digest)) {
        length += part.length;
        peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      }
      expect([sizeBytes, length]).toEqual([256 << 20, 256 << 20]);
      expect(peak).toBeLessThan(160 << 20);
    });

    test('collecting deletes the dead and old, and nothing else', async () => {
      const [live, dead] = [bytesOf(1_000, 8), bytesOf(2_000, 9)];
      const [a, b] = [await rig.store.put(live), await rig.store.put(dead)];
      clock.advance(3_600_000);
      const young = await rig.store.put(bytesOf(3_000, 10));
      const renewed = await rig.reopen().put(bytesOf(1_200_000, 7));
      clock.advance(60_000);
      const options = { live: [a.digest], olderThanMs: 600_000 };
      const reader = rig.store.get(b.digest)[Symbol.asyncIterator]();
      const dry = await rig.store.collect({ ...options, dryRun: true });
      expect(await rig.store.has(b.digest)).toBe(true);
      const result = await rig.store.collect(options);
      expect({ ...dry, temporariesDeleted: 0 }).toEqual({ ...result, temporariesDeleted: 0 });
      expect(result.kept).toBe(3);
      expect(result.keptBytes).toBe(1_000 + 3_000 + 1_200_000);
      expect(await rig.store.has(b.digest)).toBe(false);
      await expect(rig.store.localPath(b.digest)).rejects.toMatchObject({ reason: 'BLOB_NOT_FOUND' });
      for (const kept of [a, young, renewed]) expect(await rig.store.has(kept.digest)).toBe(true);
      await reader.return?.();
    });

    test('a reader that has begun reads to the end while its blob is collected', async () => {
      const content = bytesOf(2_600_000, 11);
      const { digest } = await rig.store.put(content);
      const reader = rig.store.get(digest)[Symbol.asyncIterator]();
      const first = await reader.next();
      clock.advance(1_000);
      await rig.store.collect({ live: [], olderThanMs: 0 });
      expect(await rig.store.has(digest)).toBe(false);
      const parts = [first.value as Uint8Array];
      for (let next = await reader.next(); !next.done; next = await reader.next()) parts.push(next.value);
      expect(Buffer.compare(Buffer.concat(parts), content)).toBe(0);
    });
  });
}
