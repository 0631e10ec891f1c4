/**
 * What an estimator learns from: float32 features in columns (column-major), NaN for missing. A column may share its
 * memory with the frame it comes from, so it is never written to.
 */
export interface Matrix {
  readonly rows: number;
  /** Unique names, in the order of `columns`. */
  readonly names: readonly string[];
  /** One array of `rows` values for each feature. */
  readonly columns: readonly Float32Array[];
}

/** Labels: 0 or 1 for a binary task, any finite numbers for regression. */
export type Labels = Float64Array | Uint8Array;

/** Weights of rows, positive; a row of weight 2 counts like two rows. */
export type Weights = Float64Array | Float32Array;
