/** Where the time comes from. Domain code never reads the ambient clock. */
export interface Clock {
  /** The current moment. */
  now(): Date;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date() };

/** A clock that stands still until it is told to move: for tests and simulations. */
export class ManualClock implements Clock {
  #nowMs: number;

  constructor(start: Date | string) {
    this.#nowMs = new Date(start).getTime();
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  /** Moves the clock forward by this many milliseconds. */
  advance(ms: number): void {
    this.#nowMs += ms;
  }
}
