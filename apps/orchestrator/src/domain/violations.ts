import type { FieldViolation } from '@millrace/kernel';
import { nearest } from '@millrace/pipelines';

/** Collects what is wrong with a pipeline, so that all of it is told at once. */
export class Violations {
  readonly #found: FieldViolation[] = [];

  /** Notes a wrong field. */
  add(field: string, reason: string, description: string): void {
    this.#found.push({ field, reason, description });
  }

  /** Notes a name that stands for nothing, with the nearest one that is known. */
  unknown(field: string, what: string, given: string, known: readonly string[]): void {
    const hint = nearest(given, [...known]);
    const remedy = hint ? `Did you mean "${hint}"?` : `Known: ${known.join(', ') || 'none'}.`;
    this.add(field, 'REFERENCE_UNKNOWN', `${what} "${given.slice(0, 80)}" does not exist. ${remedy}`);
  }

  /** What was found, in order. */
  get all(): readonly FieldViolation[] {
    return this.#found;
  }
}
