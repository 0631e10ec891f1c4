/** The typed SDK: every service of a platform behind one object. Used by the CLI, the examples and users' own programs. */
export type { MillraceClient, MillraceClientOptions } from './client.ts';
export { createMillraceClient } from './client.ts';
export { resourcesOf, untilEnded } from './until-ended.ts';
