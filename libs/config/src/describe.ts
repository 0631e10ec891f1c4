import type { z } from 'zod';
import type { Field } from './schema.ts';
import { fieldsOf } from './schema.ts';

const HIDDEN = '***';

/** A line of the table of settings. */
export interface SettingRow {
  /** All environment variables that set it. */
  readonly variable: string;
  readonly type: string;
  /** As JSON; `required` when a value has to be given, empty when it may be left out. */
  readonly default: string;
  readonly meaning: string;
}

/** The settings of a schema as rows, for `--help` and the reference. */
export function describe(schema: z.ZodObject): SettingRow[] {
  return fieldsOf(schema).map((field) => ({
    variable: field.variables.join(', '),
    type: field.type,
    default: field.isRequired ? 'required' : defaultText(field),
    meaning: field.meaning,
  }));
}

function defaultText({ defaultValue, isSecret }: Field): string {
  if (defaultValue === undefined) return '';
  return isSecret ? HIDDEN : JSON.stringify(defaultValue);
}

/** The rows of {@link describe} as aligned text, one setting a line. */
export function formatSettings(schema: z.ZodObject): string {
  const header: SettingRow = { variable: 'VARIABLE', type: 'TYPE', default: 'DEFAULT', meaning: 'MEANING' };
  const rows = [header, ...describe(schema)];
  const width = (key: keyof SettingRow) => Math.max(...rows.map((row) => row[key].length));
  const widths = { variable: width('variable'), type: width('type'), default: width('default') };
  return rows
    .map((row) =>
      [
        row.variable.padEnd(widths.variable),
        row.type.padEnd(widths.type),
        row.default.padEnd(widths.default),
        row.meaning,
      ]
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A configuration as indented JSON, secrets replaced by `***`: for `--print-config` and the log. */
export function printConfig(schema: z.ZodObject, config: object): string {
  const copy = JSON.parse(JSON.stringify(config)) as Record<string, unknown>;
  for (const { path } of fieldsOf(schema).filter(({ isSecret }) => isSecret)) {
    const parent = path
      .slice(0, -1)
      .reduce<Record<string, unknown> | undefined>(
        (group, key) => group?.[key] as Record<string, unknown> | undefined,
        copy,
      );
    const key = path.at(-1) as string;
    if (parent?.[key] !== undefined) parent[key] = HIDDEN;
  }
  return JSON.stringify(copy, undefined, 2);
}
