import type { Measure } from './measure.ts';

/** What a suite is given: where to work and whom to tell. */
export interface Bench {
  /** A smoke run on little data: the figures mean nothing. */
  readonly isQuick: boolean;
  /** An empty directory of the suite's own, removed at the end; others may pass through it (PostgreSQL, when run as root). */
  readonly directory: string;
  /** Tells a figure. */
  report(measure: Omit<Measure, 'area'>): void;
  /** Tells what is being done, on stderr. */
  progress(text: string): void;
  /** Runs at the end of the suite, also after a failure or a signal; the last one given runs first. */
  defer(action: () => Promise<unknown>): void;
}

/** Measures one area. A suite runs in a process of its own. */
export type Suite = (bench: Bench) => Promise<void>;
