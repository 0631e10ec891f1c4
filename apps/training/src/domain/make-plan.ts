import type { Field } from '@millrace/contracts/millrace/common/v1/table';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type {
  CrossValidation,
  Estimator,
  Split,
  TrainingSpec,
} from '@millrace/contracts/millrace/training/v1/training_job';
import { Task } from '@millrace/contracts/millrace/training/v1/training_job';
import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument, isAppError } from '@millrace/kernel';
import type { PipelineSpec } from '@millrace/learning';
import { resolveTreeParams } from '@millrace/trees';
import type { CrossValidationPlan, InputColumn, TrainingPlan } from './plan.ts';
import { planPreprocessing } from './preprocessing.ts';
import { didYouMean } from './suggest.ts';

const TEST_FRACTION_DEFAULT = 0.2;
const FOLDS_DEFAULT = 3;
const PARITY_TOLERANCE_DEFAULT = 1e-6;
/** Names that the model's outputs and the profile's column of predictions have. */
const RESERVED_NAMES = ['probability', 'label', 'value', 'prediction'];

const NUMBERS: ReadonlySet<DataType> = new Set([
  DataType.BOOLEAN,
  DataType.INT32,
  DataType.INT64,
  DataType.FLOAT32,
  DataType.FLOAT64,
]);

/**
 * Turns a request into a plan. `available` are the feature columns of the training set. Without `features`, all columns
 * of numbers, booleans and texts are taken, times, days and bytes left out.
 *
 * Throws INVALID_ARGUMENT `TRAINING_SPEC_INVALID` with all that is wrong at once.
 */
export function makePlan(spec: TrainingSpec, available: readonly Field[]): TrainingPlan {
  const violations: FieldViolation[] = [];
  const columns = chooseColumns(spec.features, available, violations);
  const task = spec.task === Task.REGRESSION ? 'regression' : 'binary';
  const preprocessing = planPreprocessing(spec.preprocessing, columns, violations);
  const estimator = planEstimator(spec.estimator, task, violations);
  const split = planSplit(spec.split, violations);
  const crossValidation = planCrossValidation(spec.crossValidation, violations);
  const tolerance = spec.parityTolerance ?? PARITY_TOLERANCE_DEFAULT;
  if (!(tolerance >= 0 && tolerance <= 1))
    violations.push(outOfRange('spec.parity_tolerance', `${tolerance} is not in 0 … 1.`));
  const seed = Number(spec.seed);
  if (!Number.isSafeInteger(seed)) violations.push(outOfRange('spec.seed', `${spec.seed} is not within ±(2^53 − 1).`));
  if (violations.length > 0) throw invalidArgument('TRAINING_SPEC_INVALID', violations);
  return {
    columns,
    pipeline: { task, preprocessing, estimator, seed },
    split,
    crossValidation,
    stopsEarly: Number(estimator.params?.earlyStoppingRounds ?? 0) > 0,
    parityTolerance: tolerance,
    threads: spec.threads,
  };
}

function chooseColumns(wanted: readonly string[], available: readonly Field[], violations: FieldViolation[]) {
  const byName = new Map(available.map((field) => [field.name, field]));
  const columns: InputColumn[] = [];
  const names = wanted.length > 0 ? wanted : byName.keys();
  for (const [i, name] of [...names].entries()) {
    const field = byName.get(name);
    const kind = field && kindOf(field.type);
    const wrong = (reason: string, description: string) =>
      violations.push({ field: `spec.features[${i}]`, reason, description });
    if (!field) {
      wrong('UNKNOWN_FEATURE', `"${name}" is not a feature of the training set.${didYouMean(name, byName.keys())}`);
    } else if (columns.some((column) => column.name === name))
      wrong('DUPLICATE', `"${name}" stands twice. Remove one.`);
    else if (RESERVED_NAMES.includes(name))
      wrong('RESERVED_NAME', `"${name}" is the name of an output. Rename the feature.`);
    else if (kind) columns.push({ name, kind });
    else if (wanted.length > 0) {
      const type = DataType[field.type];
      wrong(
        'FEATURE_TYPE',
        `"${name}" is of type ${type}; models take numbers, booleans and texts. Derive one of those.`,
      );
    }
  }
  if (columns.length === 0 && violations.length === 0)
    violations.push({ field: 'spec.features', reason: 'NO_FEATURES', description: 'are none. Name at least one.' });
  return columns;
}

function kindOf(type: DataType): InputColumn['kind'] | undefined {
  if (NUMBERS.has(type)) return 'number';
  return type === DataType.STRING ? 'text' : undefined;
}

function planEstimator(
  given: Estimator | undefined,
  task: PipelineSpec['task'],
  violations: FieldViolation[],
): PipelineSpec['estimator'] {
  const kind = given?.kind;
  if (kind?.case === 'gradientBoosting') return planBoosting(kind.value, task, violations);
  if (kind?.case === undefined) {
    violations.push({ field: 'spec.estimator', reason: 'ESTIMATOR_MISSING', description: 'is missing. Choose one.' });
    return { kind: 'gradient_boosting' };
  }
  const isLogistic = kind.case === 'logisticRegression';
  const field = isLogistic ? 'spec.estimator.logistic_regression' : 'spec.estimator.linear_regression';
  if (isLogistic !== (task === 'binary'))
    violations.push({
      field,
      reason: 'ESTIMATOR_TASK_MISMATCH',
      description: isLogistic
        ? 'is for binary tasks, this one is regression. Use linear_regression or gradient_boosting.'
        : 'is for regression, this task is binary. Use logistic_regression or gradient_boosting.',
    });
  const { l2 = 1, iterationsMax } = kind.value;
  if (!(l2 >= 0 && l2 <= 1e9)) violations.push(outOfRange(`${field}.l2`, `${l2} is not in 0 … 1e9.`));
  if (iterationsMax < 0 || iterationsMax > 100_000)
    violations.push(outOfRange(`${field}.iterations_max`, `${iterationsMax} is not in 0 … 100,000; 0 is the default.`));
  if (!isLogistic) return { kind: 'linear', params: { alpha: l2 } };
  // scikit-learn's C is the inverse of the penalty; without a penalty it is as large as it may be.
  const c = l2 <= 1e-12 ? 1e12 : 1 / l2;
  return { kind: 'logistic', params: { c, ...(iterationsMax > 0 && { iterationsMax }) } };
}

type Boosting = Extract<Estimator['kind'], { case: 'gradientBoosting' }>['value'];

/** The contract's names of parameters by those of `@millrace/trees`. */
const BOOSTING_FIELDS: Readonly<Record<string, string>> = {
  rounds: 'num_iterations',
  learningRate: 'learning_rate',
  numLeaves: 'num_leaves',
  maxDepth: 'max_depth',
  minDataInLeaf: 'min_data_in_leaf',
  minSumHessian: 'min_sum_hessian_in_leaf',
  lambdaL1: 'lambda_l1',
  lambdaL2: 'lambda_l2',
  minGain: 'min_gain_to_split',
  maxBins: 'max_bin',
  baggingFraction: 'bagging_fraction',
  featureFraction: 'feature_fraction',
  earlyStoppingRounds: 'early_stopping_rounds',
};

function planBoosting(
  given: Boosting,
  task: PipelineSpec['task'],
  violations: FieldViolation[],
): PipelineSpec['estimator'] {
  const params = {
    ...(given.numIterations && { rounds: given.numIterations }),
    ...(given.numLeaves && { numLeaves: given.numLeaves }),
    ...(given.learningRate && { learningRate: given.learningRate }),
    ...(given.maxDepth && { maxDepth: given.maxDepth }),
    ...(given.minDataInLeaf !== undefined && { minDataInLeaf: given.minDataInLeaf }),
    ...(given.minSumHessianInLeaf !== undefined && { minSumHessian: given.minSumHessianInLeaf }),
    ...(given.lambdaL1 && { lambdaL1: given.lambdaL1 }),
    ...(given.lambdaL2 && { lambdaL2: given.lambdaL2 }),
    ...(given.minGainToSplit && { minGain: given.minGainToSplit }),
    ...(given.maxBin && { maxBins: given.maxBin }),
    ...(given.baggingFraction !== undefined && { baggingFraction: given.baggingFraction }),
    ...((given.baggingFraction ?? 1) < 1 && { baggingFrequency: 1 }),
    ...(given.featureFraction !== undefined && { featureFraction: given.featureFraction }),
    ...(given.earlyStoppingRounds && { earlyStoppingRounds: given.earlyStoppingRounds }),
  };
  try {
    resolveTreeParams({ ...params, objective: task === 'binary' ? 'binary' : 'l2' });
  } catch (error) {
    if (!isAppError(error)) throw error;
    for (const violation of error.violations) {
      const name = BOOSTING_FIELDS[violation.field.replace('params.', '')] ?? violation.field;
      violations.push({ ...violation, field: `spec.estimator.gradient_boosting.${name}` });
    }
  }
  return { kind: 'gradient_boosting', params };
}

function planSplit(given: Split | undefined, violations: FieldViolation[]): TrainingPlan['split'] {
  const { testStartTime: start, testFraction: fraction = TEST_FRACTION_DEFAULT } = given ?? {};
  if (start) return { testStartUs: Number(start.seconds) * 1e6 + Math.floor(start.nanos / 1000) };
  if (!(fraction > 0 && fraction <= 0.9))
    violations.push(
      outOfRange('spec.split.test_fraction', `${fraction} leaves no test rows, or too many. Use above 0 to 0.9.`),
    );
  return { testFraction: fraction };
}

function planCrossValidation(
  given: CrossValidation | undefined,
  violations: FieldViolation[],
): CrossValidationPlan | undefined {
  if (!given) return undefined;
  const kind = given.kind === 'k_fold' ? 'k_fold' : 'time_series';
  const folds = given.folds || FOLDS_DEFAULT;
  if (folds < 2) violations.push(outOfRange('spec.cross_validation.folds', `${folds} is too few. Use at least 2.`));
  const rowsMax = Number(given.rowsMax);
  if (rowsMax < 0)
    violations.push(outOfRange('spec.cross_validation.rows_max', `${rowsMax} is negative. Use 0 for all.`));
  const gapUs = given.gap ? Number(given.gap.seconds) * 1e6 + given.gap.nanos / 1000 : 0;
  if (gapUs < 0) violations.push(outOfRange('spec.cross_validation.gap', 'is negative. Use 0 or more.'));
  if (gapUs > 0 && kind === 'k_fold')
    violations.push({
      field: 'spec.cross_validation.gap',
      reason: 'GAP_WITHOUT_TIME',
      description: 'has no meaning for k_fold. Leave it out, or use time_series.',
    });
  return { kind, folds, rowsMax, gapUs };
}

function outOfRange(field: string, description: string): FieldViolation {
  return { field, reason: 'OUT_OF_RANGE', description };
}
