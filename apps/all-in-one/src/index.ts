/** Every service in one process, on an embedded PostgreSQL: what `millrace up` and the demo run. */
export type { AllInOneConfig } from './config.ts';
export { allInOneConfigSchema } from './config.ts';
export type { AllInOne } from './start.ts';
export { startAllInOne } from './start.ts';
export type { Whereabouts } from './whereabouts.ts';
export { readWhereabouts } from './whereabouts.ts';
