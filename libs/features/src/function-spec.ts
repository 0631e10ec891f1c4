import type { Expression } from './expression.ts';
import type { FeatureType, Value } from './types.ts';

/** A function of values; what it is called with is never null unless the overload says `nullable`. */
export type Apply = (...values: never[]) => Value;

/** One way to call a function. */
export interface Overload {
  /** Types of the arguments; with `variadic` the last one may repeat. */
  readonly takes: readonly FeatureType[];
  readonly gives: FeatureType;
  readonly variadic?: true;
  /** Whether `apply` sees nulls; otherwise any null argument gives null. */
  readonly nullable?: true;
  /** Arguments (by index) that must be literals, each with its rule: gives what is wrong with the value, or undefined. */
  readonly literals?: Readonly<Record<number, (value: Value) => string | undefined>>;
  /** Prints the call; the arguments are printed already, and enclosed where needed. */
  sql(args: readonly string[]): string;
  /** Gives the function of values; `args` lets it look at literals once, ahead of all rows. */
  evaluator(args: readonly Expression[]): Apply;
}

/** A function or operator that feature expressions may use. */
export interface FunctionSpec {
  /** Its name in SQL; operators are named by their sign. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** How to call it, for documents. */
  readonly usage: string;
  /** What it gives; what it does with null, overflow, time zones and division. */
  readonly doc: string;
  readonly overloads: readonly Overload[];
}
