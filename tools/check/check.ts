/** Everything that can be judged without running the code: `npm run check`. Ends with 1 when a part fails. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

interface Part {
  readonly name: string;
  readonly command: readonly string[];
  readonly directory?: string;
}

const root = resolve(import.meta.dirname, '../..');
const parts: readonly Part[] = [
  { name: 'format and lint', command: ['biome', 'ci', '--colors=off', '--diagnostic-level=warn', '.'] },
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'proto format', command: ['buf', 'format', '--diff', '--exit-code', '.'], directory: 'proto' },
  { name: 'proto lint', command: ['buf', 'lint'], directory: 'proto' },
  { name: 'generated code is fresh', command: ['node', 'tools/generate/generate.ts', '--check'] },
  { name: 'kernels are fresh', command: ['node', 'libs/trees/build-kernels.ts', '--check'] },
  { name: 'walls', command: ['node', 'tools/check/walls.ts'] },
];

let failures = 0;
for (const part of parts) {
  const begin = performance.now();
  const { code, output } = await run(part);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${code === 0 ? '✓' : '✗'} ${part.name} (${seconds} s)`);
  if (code !== 0) {
    failures += 1;
    console.log(output);
  }
}
if (failures > 0) process.exitCode = 1;

function run(part: Part): Promise<{ code: number; output: string }> {
  const [program = '', ...args] = part.command;
  const child = spawn(program, args, {
    cwd: resolve(root, part.directory ?? '.'),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${resolve(root, 'node_modules/.bin')}:${process.env.PATH}` },
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((done) => {
    child.once('error', (error) => done({ code: 127, output: error.message }));
    child.once('close', (code) => done({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}
