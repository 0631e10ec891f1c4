import { z } from 'zod';

/** What a field is besides its type; kept in a registry since it must survive `.default()` and `.describe()` around it. */
interface FieldNotes {
  /** Shown as `***` wherever the configuration is printed. */
  isSecret?: boolean;
  /** Short environment variables besides the derived one, for example `MILLRACE_DIR`. */
  aliases?: readonly string[];
}

const notes = z.registry<FieldNotes, z.ZodType>();

/** Marks a field whose value must never be printed: `secret(z.string())`. Put `.default()` and `.describe()` around it. */
export function secret<S extends z.ZodType>(schema: S): S {
  notes.add(schema, { ...notes.get(schema), isSecret: true });
  return schema;
}

/** Gives a field further environment variables: `alias(z.string(), 'MILLRACE_DIR')`. Put `.default()` and `.describe()` around it. */
export function alias<S extends z.ZodType>(schema: S, ...aliases: `MILLRACE_${string}`[]): S {
  notes.add(schema, { ...notes.get(schema), aliases });
  return schema;
}

/** One setting of a configuration. */
export interface Field {
  /** Where it is: `['http', 'bodyBytesMax']`. */
  readonly path: readonly string[];
  /** Its environment variables, the derived one first: `MILLRACE__HTTP__BODY_BYTES_MAX`. */
  readonly variables: readonly string[];
  /** For people, for example `integer` or `fast | slow`. */
  readonly type: string;
  /** Undefined when there is none. */
  readonly defaultValue: unknown;
  /** Whether a value has to be given. */
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  /** What `.describe()` said. */
  readonly meaning: string;
}

/** All settings of a schema, in order. Objects are groups; everything else is a setting. */
export function fieldsOf(schema: z.ZodType, path: readonly string[] = []): Field[] {
  const { inner, layers } = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([key, child]) => fieldsOf(child as z.ZodType, [...path, key]));
  }
  const found = layers.map((layer) => notes.get(layer));
  const derived = `MILLRACE__${path.map(upperSnake).join('__')}`;
  const fallback = layers.find((layer) => layer instanceof z.ZodDefault);
  const defaultValue = fallback?.def.defaultValue;
  return [
    {
      path,
      variables: [derived, ...found.flatMap((note) => note?.aliases ?? [])],
      type: typeOf(inner),
      defaultValue,
      isRequired: !schema.safeParse(undefined).success,
      isSecret: found.some((note) => note?.isSecret),
      meaning: layers.map((layer) => layer.description).find((text) => text !== undefined) ?? '',
    },
  ];
}

/** The schema inside of defaults, optionals and the like, and all the layers on the way, the outermost first. */
function unwrap(schema: z.ZodType): { inner: z.ZodType; layers: z.ZodType[] } {
  const layers = [schema];
  for (let inner = schema; ; layers.push(inner)) {
    const { def } = inner as unknown as { def: { innerType?: z.ZodType; in?: z.ZodType } };
    const next = def.innerType ?? def.in;
    if (!next) return { inner, layers };
    inner = next;
  }
}

function typeOf(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }) as { type?: string; enum?: unknown[] };
  return json.enum ? json.enum.join(' | ') : (json.type ?? 'any');
}

function upperSnake(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}
