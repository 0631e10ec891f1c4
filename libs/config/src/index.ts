/**
 * Configuration: one zod schema for each service; values from its defaults, a YAML or JSON file, the environment and
 * overrides, in this order; every mistake reported at once with its place.
 */
export type { SettingRow } from './describe.ts';
export { describe, formatSettings, printConfig } from './describe.ts';
export type { ConfigSources } from './load.ts';
export { loadConfig } from './load.ts';
export { alias, secret } from './schema.ts';
