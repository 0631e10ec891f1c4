/**
 * Compiles assembly/ to src/kernels/kernels.wasm. With `--check` it compares instead and exits with 1 when the committed
 * file is not what the sources give.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const committed = join(folder, 'src/kernels/kernels.wasm');
const compiler = join(dirname(createRequire(import.meta.url).resolve('assemblyscript/package.json')), 'bin/asc.js');

const scratch = mkdtempSync(join(tmpdir(), 'millrace-kernels-'));
try {
  const built = join(scratch, 'kernels.wasm');
  const features = ['--enable', 'simd', '--enable', 'threads', '--enable', 'bulk-memory'];
  const memory = ['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'];
  const options = ['-O3', '--noAssert', '--runtime', 'stub', '--outFile', built];
  const args = [compiler, 'assembly/index.ts', ...options, ...features, ...memory];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`asc failed:\n${stdout}${stderr}`);
  const bytes = readFileSync(built);
  if (!process.argv.includes('--check')) {
    writeFileSync(committed, bytes);
    console.log(`${committed}: ${bytes.length} bytes`);
  } else if (!bytes.equals(readFileSync(committed))) {
    console.error(`${committed} is stale. Run: node libs/trees/build-kernels.ts`);
    process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
