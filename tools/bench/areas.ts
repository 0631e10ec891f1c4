import type { Suite } from './suite.ts';

interface Area {
  /** In a few words, for `--help`. */
  readonly about: string;
  load(): Promise<{ readonly default: Suite }>;
}

/** The areas of `bench -- main`, in the order in which they run. */
export const areas = {
  ingest: {
    about: 'Parquet, NDJSON and a PostgreSQL table to a committed version',
    load: () => import('./suites/ingest.ts'),
  },
  validate: { about: '12 rules, profile and every bad row', load: () => import('./suites/validate.ts') },
  'training-set': {
    about: 'labels × windowed views, point in time',
    load: () => import('./suites/training-set.ts'),
  },
  online: { about: '1 × 50 features, 8 clients', load: () => import('./suites/online.ts') },
  predict: { about: 'one prediction over gRPC, beside an echo', load: () => import('./suites/predict.ts') },
  events: {
    about: "commit of an event to its consumer, beside the disk's fdatasync",
    load: () => import('./suites/events.ts'),
  },
  idle: { about: 'memory of the platform when it has nothing to do', load: () => import('./suites/idle.ts') },
} satisfies Record<string, Area>;

/** Name of an area. */
export type AreaName = keyof typeof areas;
