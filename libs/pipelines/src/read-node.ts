import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { isAppError } from '@millrace/kernel';
import type { Document, Node, Pair } from 'yaml';
import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import { durationJson } from './duration.ts';
import { completeName } from './name-fields.ts';
import { nearest } from './suggest.ts';

/** What goes along while a document is read. */
export interface Reading {
  readonly document: Document.Parsed;
  readonly workspace: string;
  /** Notes where a field stands. */
  place(path: string, node: Node | null): void;
  /** Notes a wrong field. */
  wrong(path: string, node: Node | null, reason: string, description: string): void;
}

type Kind = DescField['fieldKind'];

/** Reads a YAML mapping as the JSON form of a message; wrong parts are noted and left out. */
export function readMessage(reading: Reading, message: DescMessage, given: Node | null, path: string): JsonObject {
  const node = resolve(reading, given);
  const json: Record<string, JsonValue> = {};
  if (!isMap(node)) {
    reading.wrong(path, node, 'YAML_TYPE', `must be a mapping with the fields of ${message.name}.`);
    return json;
  }
  const oneofs = new Map<string, string>();
  for (const pair of node.items) {
    const key = keyOf(pair);
    const at = path === '' ? key : `${path}.${key}`;
    const field = message.fields.find((f) => f.jsonName === key || f.name === key);
    if (!field) {
      const hint = nearest(
        key,
        message.fields.map((f) => f.jsonName),
      );
      const known = message.fields.map((f) => f.jsonName).join(', ');
      reading.wrong(
        at,
        pair.key as Node,
        'YAML_UNKNOWN_KEY',
        `is not a field of ${message.name}.${hint ? ` Did you mean "${hint}"?` : ` Its fields: ${known}.`}`,
      );
      continue;
    }
    const other = field.oneof && oneofs.get(field.oneof.name);
    if (other) {
      reading.wrong(at, pair.key as Node, 'YAML_ONE_OF', `excludes "${other}": give one of the two.`);
      continue;
    }
    if (field.oneof) oneofs.set(field.oneof.name, key);
    reading.place(at, pair.key as Node);
    const value = readField(reading, field, pair.value as Node | null, at);
    if (value !== undefined) json[field.jsonName] = value;
  }
  return json;
}

function readField(reading: Reading, field: DescField, given: Node | null, path: string): JsonValue | undefined {
  const node = resolve(reading, given);
  if (field.fieldKind === 'list') {
    if (!isSeq(node)) return fail(reading, path, node, 'must be a list.');
    return present(
      node.items.map((item, i) => {
        reading.place(`${path}[${i}]`, item as Node);
        return readSingle(reading, field, field.listKind, item as Node, `${path}[${i}]`);
      }),
    );
  }
  if (field.fieldKind === 'map') {
    if (!isMap(node)) return fail(reading, path, node, 'must be a mapping.');
    const entries = node.items.map((pair) => {
      const at = `${path}["${keyOf(pair)}"]`;
      reading.place(at, pair.key as Node);
      return [keyOf(pair), readSingle(reading, field, field.mapKind, pair.value as Node, at)] as const;
    });
    return Object.fromEntries(entries.filter((entry): entry is [string, JsonValue] => entry[1] !== undefined));
  }
  return readSingle(reading, field, field.fieldKind, node, path);
}

function readSingle(
  reading: Reading,
  field: DescField,
  kind: Kind,
  given: Node | null,
  path: string,
): JsonValue | undefined {
  const node = resolve(reading, given);
  if (kind === 'message') return readMessageValue(reading, field.message as DescMessage, node, path);
  const value = isScalar(node) ? node.value : undefined;
  if (value === undefined || (typeof value === 'object' && value !== null))
    return fail(reading, path, node, 'must be a single value.');
  if (value === null) return undefined;
  if (kind === 'enum') return readEnum(reading, field.enum as DescEnum, value, node, path);
  return readScalar(reading, field, value as string | number | boolean | bigint, node, path);
}

function readMessageValue(
  reading: Reading,
  message: DescMessage,
  node: Node | null,
  path: string,
): JsonValue | undefined {
  const value = isScalar(node) ? node.value : undefined;
  switch (message.typeName) {
    case 'google.protobuf.Duration': {
      const json = durationJson(String(value));
      return (
        json ?? fail(reading, path, node, `${show(value)} is not a span of time; write for example 90s, 15m, 1h or 7d.`)
      );
    }
    case 'google.protobuf.Timestamp': {
      const time = new Date(String(value));
      if (Number.isNaN(time.getTime()))
        return fail(reading, path, node, `${show(value)} is not a time; write for example 2001-04-01T00:00:00Z.`);
      return time.toISOString();
    }
    default:
      return readMessage(reading, message, node, path);
  }
}

/** An enum value by its name, whole or without the enum's prefix, in any case. */
function readEnum(
  reading: Reading,
  type: DescEnum,
  value: unknown,
  node: Node | null,
  path: string,
): JsonValue | undefined {
  const prefix = type.sharedPrefix?.toUpperCase() ?? '';
  const text = String(value).toUpperCase();
  const found = type.values.find((v) => v.name === text || v.name === prefix + text);
  if (found) return found.name;
  const known = type.values.filter((v) => v.number !== 0).map((v) => v.name.slice(prefix.length));
  return fail(reading, path, node, `${show(value)} is not one of ${known.join(', ')}.`);
}

function readScalar(
  reading: Reading,
  field: DescField,
  value: string | number | boolean | bigint,
  node: Node | null,
  path: string,
): JsonValue | undefined {
  switch (field.scalar) {
    case ScalarType.STRING:
      return readText(reading, field, String(value), node, path);
    case ScalarType.BOOL:
      return typeof value === 'boolean' ? value : fail(reading, path, node, `${show(value)} must be true or false.`);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return typeof value === 'number' ? value : fail(reading, path, node, `${show(value)} must be a number.`);
    default:
      return Number.isInteger(value)
        ? (value as number)
        : fail(reading, path, node, `${show(value)} must be a whole number.`);
  }
}

function readText(
  reading: Reading,
  field: DescField,
  text: string,
  node: Node | null,
  path: string,
): JsonValue | undefined {
  try {
    return completeName(field, text, reading.workspace);
  } catch (error) {
    if (!isAppError(error)) throw error;
    return fail(reading, path, node, error.violations[0]?.description ?? error.message);
  }
}

function fail(reading: Reading, path: string, node: Node | null, description: string): undefined {
  reading.wrong(path, node, 'YAML_TYPE', description);
  return undefined;
}

function resolve(reading: Reading, node: Node | null): Node | null {
  return isAlias(node) ? ((node.resolve(reading.document) as Node | undefined) ?? null) : node;
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function present(values: readonly (JsonValue | undefined)[]): JsonValue[] {
  return values.filter((value) => value !== undefined);
}

const show = (value: unknown) => JSON.stringify(value)?.slice(0, 60) ?? 'nothing';
