import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument } from '@millrace/kernel';
import type { ObjectiveName } from './objective.ts';

/** What steers a training. The defaults are those of LightGBM 4. */
export interface TreeParams {
  /** What is minimised: `binary` (log loss on labels 0 and 1) or `l2` (half the squared error). Required. */
  readonly objective: ObjectiveName;
  /** The number of trees at most; 1 to 100,000. Default 100. */
  readonly rounds: number;
  /** What each leaf's value is multiplied by; above 0, at most 1. Default 0.1. */
  readonly learningRate: number;
  /** Leaves of one tree at most; 2 to 65,536. Default 31. */
  readonly numLeaves: number;
  /** Depth of a tree at most (the root has depth 0, so a tree of depth 1 has two leaves); 0 is no limit. Default 0. */
  readonly maxDepth: number;
  /** Training rows in a leaf at least (rows in the bag, not weights); 1 or more. Default 20. */
  readonly minDataInLeaf: number;
  /** Sum of second derivatives in a leaf at least. Default 0.001. */
  readonly minSumHessian: number;
  /** L1 penalty on leaf values. Default 0. */
  readonly lambdaL1: number;
  /** L2 penalty on leaf values. Default 0. */
  readonly lambdaL2: number;
  /** A split must reduce the objective (times two) by more than this. Default 0. */
  readonly minGain: number;
  /** Bins of a feature at most, the bin of missing values included; 2 to 255. Default 255. */
  readonly maxBins: number;
  /** Sampled rows in a bin at least. Default 3. */
  readonly minDataInBin: number;
  /** Rows that are sampled to place the bins' bounds. Default 200,000. */
  readonly binSampleRows: number;
  /** Share of the rows that a tree sees; above 0, at most 1. Default 1. */
  readonly baggingFraction: number;
  /** A new bag is drawn every so many rounds; 0 is no bagging. Default 0. */
  readonly baggingFrequency: number;
  /** Share of the features that a tree may use; above 0, at most 1. Default 1. */
  readonly featureFraction: number;
  /** Stop when the validation loss has not improved for so many rounds, and keep the best round; 0 is off. Default 0. */
  readonly earlyStoppingRounds: number;
}

const DEFAULTS: Omit<TreeParams, 'objective'> = {
  rounds: 100,
  learningRate: 0.1,
  numLeaves: 31,
  maxDepth: 0,
  minDataInLeaf: 20,
  minSumHessian: 1e-3,
  lambdaL1: 0,
  lambdaL2: 0,
  minGain: 0,
  maxBins: 255,
  minDataInBin: 3,
  binSampleRows: 200_000,
  baggingFraction: 1,
  baggingFrequency: 0,
  featureFraction: 1,
  earlyStoppingRounds: 0,
};

/** What {@link resolveTreeParams} accepts: the objective, and whatever differs from the defaults. */
export type TreeParamsInput = Pick<TreeParams, 'objective'> & Partial<TreeParams>;

interface Range {
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
  /** The smallest value itself is not allowed. */
  readonly open?: boolean;
}

const integer = (min: number, max: number): Range => ({ min, max, integer: true });
const real = (min: number, max = Number.MAX_VALUE): Range => ({ min, max, integer: false });
const fraction: Range = { min: 0, max: 1, integer: false, open: true };

const RANGES: Readonly<Record<keyof typeof DEFAULTS, Range>> = {
  rounds: integer(1, 100_000),
  learningRate: fraction,
  numLeaves: integer(2, 65_536),
  maxDepth: integer(0, 65_536),
  minDataInLeaf: integer(1, 2 ** 31),
  minSumHessian: real(0),
  lambdaL1: real(0),
  lambdaL2: real(0),
  minGain: real(0),
  maxBins: integer(2, 255),
  minDataInBin: integer(1, 2 ** 31),
  binSampleRows: integer(100, 10_000_000),
  baggingFraction: fraction,
  baggingFrequency: integer(0, 100_000),
  featureFraction: fraction,
  earlyStoppingRounds: integer(0, 100_000),
};

/**
 * Fills in the defaults and checks every value. Throws INVALID_ARGUMENT `TREE_PARAMS_INVALID` that names all wrong
 * fields at once, unknown ones too.
 */
export function resolveTreeParams(input: TreeParamsInput): TreeParams {
  const violations: FieldViolation[] = [];
  const given = input as unknown as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(given)) {
    if (key === 'objective' || Object.hasOwn(DEFAULTS, key)) continue;
    violations.push({
      field: `params.${key}`,
      reason: 'UNKNOWN_PARAMETER',
      description: `is not a parameter of boosted trees. Known: objective, ${Object.keys(DEFAULTS).join(', ')}.`,
    });
  }
  if (given.objective !== 'binary' && given.objective !== 'l2')
    violations.push({
      field: 'params.objective',
      reason: 'UNKNOWN_OBJECTIVE',
      description: `${JSON.stringify(given.objective)} is not an objective. Use "binary" or "l2".`,
    });
  const values: Record<string, unknown> = { objective: given.objective };
  for (const [key, range] of Object.entries(RANGES)) {
    const value = given[key] ?? DEFAULTS[key as keyof typeof DEFAULTS];
    values[key] = value;
    if (isWithin(value, range)) continue;
    const from = range.open ? `above ${range.min}` : `at least ${range.min}`;
    violations.push({
      field: `params.${key}`,
      reason: 'OUT_OF_RANGE',
      description: `${String(value)} is not allowed. Use ${range.integer ? 'a whole number' : 'a number'} ${from} and at most ${range.max}.`,
    });
  }
  if (violations.length > 0) throw invalidArgument('TREE_PARAMS_INVALID', violations);
  return values as unknown as TreeParams;
}

function isWithin(value: unknown, range: Range): boolean {
  if (typeof value !== 'number' || !(value >= range.min && value <= range.max)) return false;
  return (!range.integer || Number.isInteger(value)) && !(range.open && value === range.min);
}
