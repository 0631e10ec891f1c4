/**
 * Writes everything that is generated from something else in the tree and committed. With `--check`, writes into a
 * temporary directory instead and fails when the committed files differ.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { generateDocs } from './docs.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const contracts = join(root, 'libs/contracts/src');
const reference = join(root, 'docs/reference');
const check = process.argv.includes('--check');

await generate();

/** Generates into a temporary directory, then compares with the committed tree or brings it up to date. */
async function generate(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-generate-'));
  try {
    const [freshContracts, freshReference] = [join(directory, 'contracts'), join(directory, 'reference')];
    await Promise.all([generateContracts(freshContracts), generateDocs(freshReference)]);
    await settle(contracts, freshContracts);
    await settle(reference, freshReference);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Brings the committed files of one directory to the fresh ones, or tells with `--check` which of them differ. */
async function settle(committed: string, fresh: string): Promise<void> {
  const stale = await differing(committed, fresh);
  if (!check) await update(stale, committed, fresh);
  else if (stale.length > 0) {
    const names = stale.map((name) => relative(root, join(committed, name)));
    console.error(`Generated files are stale; run "npm run generate". Differing files:\n  ${names.join('\n  ')}`);
    process.exitCode = 1;
  }
}

/** Runs `buf generate` over `proto/` into the empty directory `out`. */
async function generateContracts(out: string): Promise<void> {
  const bin = join(root, 'node_modules/.bin');
  const buf = join(dirname(createRequire(import.meta.url).resolve('@bufbuild/buf/package.json')), 'bin/buf');
  const template = (await readFile(join(root, 'proto/buf.gen.yaml'), 'utf8')).replace('../libs/contracts/src', out);
  await run(process.execPath, [buf, 'generate', '--template', JSON.stringify(toJson(template))], {
    cwd: join(root, 'proto'),
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
}

/** The one plugin entry of buf.gen.yaml as JSON, which buf takes on the command line. */
function toJson(template: string): unknown {
  const out = /out: (.*)/.exec(template)?.[1];
  return {
    version: 'v2',
    plugins: [{ local: 'protoc-gen-es', out, opt: ['target=js+dts', 'import_extension=js'] }],
    inputs: [{ directory: '.' }],
  };
}

/** Brings the named files of the committed tree to what stands in `fresh`; files that are gone there are removed. */
async function update(names: readonly string[], committed: string, fresh: string): Promise<void> {
  for (const name of names) {
    const target = join(committed, name);
    await cp(join(fresh, name), target, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return rm(target, { force: true });
    });
  }
}

/** Relative paths of files that exist in one tree only or whose bytes differ. */
async function differing(a: string, b: string): Promise<string[]> {
  const [filesA, filesB] = await Promise.all([listFiles(a), listFiles(b)]);
  const names = [...new Set([...filesA, ...filesB])].sort();
  const changed: string[] = [];
  for (const name of names) {
    if (!filesA.includes(name) || !filesB.includes(name)) changed.push(name);
    else if (!(await readFile(join(a, name))).equals(await readFile(join(b, name)))) changed.push(name);
  }
  return changed;
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((e) => e.isFile()).map((e) => relative(directory, join(e.parentPath, e.name)));
}
