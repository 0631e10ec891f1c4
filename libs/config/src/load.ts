import { readFileSync } from 'node:fs';
import type { FieldViolation } from '@millrace/kernel';
import { AppError } from '@millrace/kernel';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { Field } from './schema.ts';
import { fieldsOf } from './schema.ts';

/** Where the values of a configuration come from; later ones win: the schema's defaults, file, environment, overrides. */
export interface ConfigSources {
  /** A YAML or JSON file; it must exist when it is named. */
  readonly file?: string;
  /** For example `process.env`. Names that begin with `MILLRACE__` and belong to no field are refused. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Values from the command line or a test, shaped like the configuration. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Prefixes of `MILLRACE__…` variables that other schemas of this process own, for example `MILLRACE__SERVING__`. */
  readonly ignorePrefixes?: readonly string[];
}

type Tree = Record<string, unknown>;

/** The path of a value, joined by `.`, to where it was read, for example `millrace.yaml:3:9` or `MILLRACE__PORT`. */
type Origins = Map<string, string>;

/**
 * Reads a configuration. Text from the environment is read as YAML where the field is not text, so `8080`, `true` and
 * `[a, b]` mean what they say.
 *
 * Throws AppError INVALID_ARGUMENT `CONFIG_INVALID` with all violations at once: each names the field and where its
 * value stands (file with line and column, or variable). Unknown keys are violations. Secret values are never quoted.
 */
export function loadConfig<S extends z.ZodObject>(schema: S, sources: ConfigSources): z.infer<S> {
  const fields = fieldsOf(schema);
  const origins: Origins = new Map();
  const violations: FieldViolation[] = [];
  const tree: Tree = {};
  if (sources.file !== undefined) merge(tree, readConfigFile(sources.file, origins));
  merge(tree, readEnvironment(fields, sources, origins, violations));
  if (sources.overrides) merge(tree, sources.overrides);

  const result = schema.strict().safeParse(tree);
  for (const issue of result.success ? [] : result.error.issues) violations.push(...violationsOf(issue, origins));
  if (violations.length === 0 && result.success) return result.data as z.infer<S>;
  const message = violations.map(({ field, description }) => `${field}: ${description}`).join('\n');
  throw new AppError('INVALID_ARGUMENT', `The configuration is not valid:\n${message}`, {
    reason: 'CONFIG_INVALID',
    violations,
  });
}

function readConfigFile(file: string, origins: Origins): Tree {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw fileInvalid(file, `${file} cannot be read. Name a file that exists.`, cause);
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error) throw fileInvalid(place(error.pos[0]), `is not YAML: ${error.message}`, error);
  if (document.contents === null) return {};
  if (!isMap(document.contents))
    throw fileInvalid(place(0), 'must hold keys and values, not a single value or a list.');

  const visit = (node: unknown, path: string[]) => {
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      const childPath = [...path, String(isScalar(key) ? key.value : key)];
      const offset = isScalar(key) ? key.range?.[0] : undefined;
      origins.set(childPath.join('.'), place(offset ?? 0));
      visit(value, childPath);
    }
  };
  visit(document.contents, []);
  return document.toJS() as Tree;
}

function readEnvironment(
  fields: readonly Field[],
  sources: ConfigSources,
  origins: Origins,
  violations: FieldViolation[],
) {
  const environment = sources.environment ?? {};
  const tree: Tree = {};
  for (const field of fields) {
    const variable = field.variables.find((name) => environment[name] !== undefined);
    if (variable === undefined) continue;
    origins.set(field.path.join('.'), variable);
    merge(tree, nest(field.path, parseVariable(environment[variable] as string, field)));
  }
  const known = new Set(fields.flatMap(({ variables }) => variables));
  for (const name of Object.keys(environment).sort()) {
    const isOurs = name.startsWith('MILLRACE__') && !sources.ignorePrefixes?.some((prefix) => name.startsWith(prefix));
    if (!isOurs || known.has(name)) continue;
    const description = 'is not a setting. Remove it, or see --help for the variables there are.';
    violations.push({ field: name, reason: 'UNKNOWN_KEY', description });
  }
  return tree;
}

function parseVariable(text: string, field: Field): unknown {
  if (field.type === 'string' || field.type.includes('|')) return text;
  const document = parseDocument(text);
  return document.errors.length > 0 ? text : document.toJS();
}

/** Zod's message tells what was expected and never quotes strings, so secrets stay hidden. */
function violationsOf(issue: z.core.$ZodIssue, origins: Origins): FieldViolation[] {
  const at = issue.path.map(String);
  const where = (path: readonly string[]) => {
    for (let n = path.length; n > 0; n--) {
      const origin = origins.get(path.slice(0, n).join('.'));
      if (origin) return ` (${origin})`;
    }
    return '';
  };
  if (issue.code !== 'unrecognized_keys') {
    return [{ field: at.join('.'), reason: issue.code.toUpperCase(), description: `${issue.message}${where(at)}` }];
  }
  return issue.keys.map((key) => ({
    field: [...at, key].join('.'),
    reason: 'UNKNOWN_KEY',
    description: `is not a setting. Remove it, or see --help for the settings there are${where([...at, key])}`,
  }));
}

function fileInvalid(field: string, description: string, cause?: unknown): AppError {
  return new AppError('INVALID_ARGUMENT', `The configuration is not valid:\n${field}: ${description}`, {
    reason: 'CONFIG_INVALID',
    violations: [{ field, reason: 'FILE_INVALID', description }],
    cause,
  });
}

function nest(path: readonly string[], value: unknown): Tree {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Tree;
}

/** Lays `from` over `into`, group by group; lists and single values are replaced, undefined changes nothing. */
function merge(into: Tree, from: Readonly<Tree>): void {
  for (const [key, value] of Object.entries(from)) {
    if (value === undefined) continue;
    const present = Object.hasOwn(into, key) ? into[key] : undefined;
    if (isTree(value) && isTree(present)) merge(present, value);
    else
      Object.defineProperty(into, key, {
        value: structuredCloneTree(value),
        enumerable: true,
        writable: true,
        configurable: true,
      });
  }
}

function structuredCloneTree(value: unknown): unknown {
  if (!isTree(value)) return value;
  const copy: Tree = {};
  merge(copy, value);
  return copy;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
