/** Fills missing numbers, or missing texts when it stands before an encoder. */
export interface ImputeStep {
  readonly op: 'impute';
  /** `mean` and `median` are for numbers; `mode` is the most frequent value, the smallest among equals. */
  readonly strategy: 'constant' | 'mean' | 'median' | 'mode';
  /** The value for `constant`: a number, or a text for a category column. */
  readonly value?: number | string;
  /** Adds the feature `<column>__missing`, 1 where the value was missing (numeric columns only). */
  readonly indicator?: boolean;
}

/** Subtracts the mean and divides by the standard deviation (of the population, as scikit-learn's StandardScaler). */
export interface StandardScaleStep {
  readonly op: 'standard_scale';
}

/** Maps the training rows' range to 0..1; values outside it leave that range. */
export interface MinMaxScaleStep {
  readonly op: 'min_max_scale';
}

/** One 0/1 feature `<column>=<level>` for each of the most frequent levels; a missing value gives zeros. */
export interface OneHotStep {
  readonly op: 'one_hot';
  /** At most so many levels, 32 when left out, 1 to 1024: the most frequent ones. */
  readonly maxLevels?: number;
  /** Levels in fewer rows are rare; 1 when left out. */
  readonly minRows?: number;
  /** What rare and unseen levels become: a feature of their own, or zeros (when left out). */
  readonly rare?: 'zeros' | 'other';
}

/** The position of the level in an order, as one number; NaN for a missing value. */
export interface OrdinalStep {
  readonly op: 'ordinal';
  /** The order; when left out, the training rows' levels by `order`. */
  readonly levels?: readonly string[];
  /**
   * How to order levels that are not listed: by text (when left out), by frequency, most frequent first, or by the mean
   * label of the training rows, smallest first; equals by text.
   */
  readonly order?: 'text' | 'frequency' | 'target';
  /** At most so many levels, the most frequent ones; 65,536 when left out. */
  readonly maxLevels?: number;
  /** Number for a level that is not in the order; missing (NaN) when left out. */
  readonly unknown?: number;
}

/** Takes numbers as they are. */
export interface PassthroughStep {
  readonly op: 'passthrough';
}

/** One fitted transformation of a column. */
export type PreprocessingStep =
  | ImputeStep
  | StandardScaleStep
  | MinMaxScaleStep
  | OneHotStep
  | OrdinalStep
  | PassthroughStep;

/** What is done to a raw column before the estimator sees it. */
export interface ColumnPreprocessing {
  /** Steps in order; an encoder turns texts into numbers, `one_hot` comes last. */
  readonly steps: readonly PreprocessingStep[];
  /** Type of the column's ONNX input; `int64` only for numbers that are never missing. */
  readonly inputType?: 'float32' | 'int64';
}

/** How raw columns become features, as JSON. Columns that no rule reaches are an error, unless dropped. */
export interface PreprocessingSpec {
  /** Steps of single columns; they win over the rules by kind. */
  readonly columns?: Readonly<Record<string, ColumnPreprocessing>>;
  /** Steps of all other numeric columns; when left out, what suits the estimator. */
  readonly numeric?: readonly PreprocessingStep[];
  /** Steps of all other category columns; when left out, what suits the estimator. */
  readonly category?: readonly PreprocessingStep[];
  /** Columns that are no features. */
  readonly drop?: readonly string[];
}

/** Rules by kind for estimators that need complete, scaled numbers. */
export const LINEAR_DEFAULTS = {
  numeric: [{ op: 'impute', strategy: 'median' }, { op: 'standard_scale' }],
  category: [{ op: 'one_hot', maxLevels: 32, rare: 'other' }],
} as const satisfies PreprocessingSpec;

/** Rules by kind for trees, which split on raw numbers and know missing values. */
export const TREE_DEFAULTS = {
  numeric: [{ op: 'passthrough' }],
  category: [{ op: 'ordinal', order: 'text' }],
} as const satisfies PreprocessingSpec;
