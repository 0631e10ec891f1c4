/** Runs one suite in this process: `run-suite.ts AREA [--quick]`. Each measure is a line of JSON on stdout. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AreaName, areas } from './areas.ts';
import type { Suite } from './suite.ts';

const area = process.argv[2] as AreaName;
const directory = await mkdtemp(join(tmpdir(), `millrace-bench-${area}-`));
await chmod(directory, 0o755);
const deferred: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
let undoing: Promise<void> | undefined;

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void undo().finally(() => process.exit(130)));
process.on('uncaughtException', (error) => {
  process.stderr.write(`  ${area}: failed: ${error.stack}\n`);
  void undo().finally(() => process.exit(1));
});
try {
  const suite: Suite = (await areas[area].load()).default;
  await suite({
    isQuick: process.argv.includes('--quick'),
    directory,
    report: (measure) => process.stdout.write(`${JSON.stringify({ area, ...measure })}\n`),
    progress: (text) => process.stderr.write(`  ${area}: ${text}\n`),
    defer: (action) => deferred.push(action),
  });
} catch (error) {
  // After a signal the servers are gone, and that is no failure.
  if (!undoing) process.stderr.write(`  ${area}: failed: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await undo();
}

/** Stops what the suite has started, once. */
function undo(): Promise<void> {
  undoing ??= (async () => {
    for (const action of deferred.toReversed()) {
      await action().catch((error: unknown) => process.stderr.write(`  ${area}: cleaning up: ${String(error)}\n`));
    }
  })();
  return undoing;
}
