/**
 * Builds one package for places that do not strip types: `node tools/build/build.ts --project libs/kernel` writes
 * `dist/` with the package's sources as JavaScript (tests left out), everything else under `src`, its migrations, and a
 * package.json whose exports point to them. Nothing in development or tests needs it.
 */
import { cp, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const at = process.argv.indexOf('--project');
const project = at > 0 ? process.argv[at + 1] : undefined;
if (!project) {
  console.error('usage: node tools/build/build.ts --project <folder>, for example libs/kernel');
  process.exit(2);
}

const from = join(root, project);
const to = join(from, 'dist');
await rm(to, { recursive: true, force: true });
let files = 0;
for await (const file of glob('{src,migrations}/**/*', { cwd: from, withFileTypes: true })) {
  if (!file.isFile() || isTest(file.name)) continue;
  const path = join(file.parentPath, file.name);
  const target = join(to, path.slice(from.length + 1));
  await mkdir(dirname(target), { recursive: true });
  if (path.endsWith('.ts') && !path.endsWith('.d.ts'))
    await writeFile(target.replace(/\.ts$/, '.js'), toJavaScript(await readFile(path, 'utf8')));
  else await cp(path, target);
  files += 1;
}
const manifest = (await readFile(join(from, 'package.json'), 'utf8')).replace(/(\.\/src\/[^"]*)\.ts"/g, '$1.js"');
await writeFile(join(to, 'package.json'), manifest);
console.log(`${project}: ${files} files in ${project}/dist`);

/** Types out, and imports of our own `.ts` files to what they have become. */
function toJavaScript(source: string): string {
  return stripTypeScriptTypes(source, { mode: 'strip' }).replace(/(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g, '$1$2.js$1');
}

function isTest(name: string): boolean {
  return /\.(test|fixture|contract)\.ts$/.test(name);
}
