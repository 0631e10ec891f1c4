import { type AppError, canonicalJson, invalidArgument } from '@millrace/kernel';
import { createGraph } from '@millrace/onnx';
import type { Estimator, FitOptions, FitProgress, Importance, Task } from './estimator.ts';
import type { Frame } from './frame.ts';
import { checkFrame } from './frame.ts';
import { gradientBoosting } from './gradient-boosting.ts';
import { logisticRegression } from './logistic.ts';
import type { Labels, Matrix, Weights } from './matrix.ts';
import type { FittedColumn } from './preprocessor.ts';
import { fitPreprocessing } from './preprocessor.ts';
import { linearRegression } from './ridge.ts';
import type { PreprocessingSpec } from './spec.ts';
import { LINEAR_DEFAULTS, TREE_DEFAULTS } from './spec.ts';

/** The built-in estimators: `logistic` is for binary tasks, `linear` for regression, `gradient_boosting` for both. */
export type EstimatorKind = 'logistic' | 'linear' | 'gradient_boosting';

/** What to fit, as JSON. */
export interface PipelineSpec {
  readonly task: Task;
  /** How raw columns become features; what suits the estimator when left out. */
  readonly preprocessing?: PreprocessingSpec;
  readonly estimator: {
    readonly kind: EstimatorKind;
    /** `LogisticParams`, `LinearParams`, or `TreeParams` of `@millrace/trees` without the objective. */
    readonly params?: Readonly<Record<string, unknown>>;
  };
  readonly seed: number;
}

/** What a fit may use besides the training rows. */
export interface FitPipelineOptions {
  readonly weights?: Weights;
  /** Rows that steer early stopping of gradient boosting and are never learnt from. */
  readonly validation?: { readonly frame: Frame; readonly labels: Labels };
  /** Threads for gradient boosting; 1 when left out. Their number does not change the model. */
  readonly threads?: number;
  readonly onRound?: (progress: FitProgress) => void;
  readonly signal?: AbortSignal;
}

/** Preprocessing and model, fitted together. */
export interface FittedPipeline {
  readonly task: Task;
  /** The raw columns it reads: the inputs of the ONNX file, in order. */
  readonly columns: readonly FittedColumn[];
  readonly featureNames: readonly string[];
  /** Features that count, most important first. */
  readonly importance: readonly Importance[];
  /** Values of features between which predictions jump. */
  readonly thresholds: Readonly<Record<string, ArrayLike<number>>>;
  /** Rounds or iterations that the model is made of. */
  readonly rounds: number;
  /** Probability of label 1, or the value, for each raw row. */
  predict(frame: Frame): Float64Array;
  /** The features that the estimator sees. */
  transform(frame: Frame): Matrix;
  /**
   * One ONNX file with preprocessing and model. Inputs: one tensor [N,1] for each raw column, float32, int64 or text
   * (missing: NaN or an empty text). Outputs: `probability` float32 [N,1] and `label` int64 [N,1] (1 where the
   * probability is above 0.5), or `value` float32 [N,1]. The same pipeline and metadata give the same bytes.
   */
  exportOnnx(options?: { readonly metadata?: Readonly<Record<string, string>> }): Uint8Array;
}

/** Names of outputs, which raw columns may not have. */
const OUTPUT_NAMES = ['probability', 'label', 'value'];

/**
 * Fits preprocessing and estimator on the rows of `frame`; nothing is learnt from any other row. The same rows, spec
 * and seed give the same bits. Blocks its thread between rounds, so it belongs into a worker.
 *
 * Throws INVALID_ARGUMENT for a spec, labels or weights that do not fit (`PIPELINE_INVALID`, `PREPROCESSING_INVALID`,
 * `ESTIMATOR_PARAMS_INVALID`, `TREE_PARAMS_INVALID`, `LABEL_INVALID`), CANCELLED `TRAINING_CANCELLED`.
 */
export async function fitPipeline(
  frame: Frame,
  labels: Labels,
  spec: PipelineSpec,
  options: FitPipelineOptions = {},
): Promise<FittedPipeline> {
  checkFrame(frame);
  checkLabels(frame, labels, spec.task, options.weights);
  const estimator = createEstimator(spec);
  const defaults = estimator.acceptsMissing ? TREE_DEFAULTS : LINEAR_DEFAULTS;
  const preprocessor = fitPreprocessing(frame, spec.preprocessing ?? {}, defaults, labels);
  const reserved = preprocessor.columns.find(({ name }) => OUTPUT_NAMES.includes(name));
  if (reserved) {
    throw pipelineInvalid(
      `columns.${reserved.name}`,
      `has the name of an output (${OUTPUT_NAMES.join(', ')}). Rename it.`,
    );
  }
  const { validation } = options;
  const fitOptions: FitOptions = {
    ...options,
    seed: spec.seed,
    validation: validation && { matrix: preprocessor.transform(validation.frame), labels: validation.labels },
  };
  const model = await estimator.fit(preprocessor.transform(frame), labels, fitOptions);
  return {
    task: spec.task,
    columns: preprocessor.columns,
    featureNames: preprocessor.featureNames,
    importance: model.importance,
    thresholds: model.thresholds,
    rounds: model.rounds,
    transform: preprocessor.transform,
    predict: (rows) => model.predict(preprocessor.transform(rows)),
    exportOnnx(build = {}) {
      const graph = createGraph({ name: 'pipeline' });
      const prediction = model.emit(graph, preprocessor.emit(graph));
      const name = spec.task === 'binary' ? 'probability' : 'value';
      graph.node({ op: 'Identity', inputs: [prediction], outputs: [name] });
      graph.output(name, 'float32', ['N', 1]);
      if (spec.task === 'binary') {
        const half = graph.constant({ type: 'float32', shape: [1], values: [0.5] });
        const [above] = graph.node({ op: 'Greater', inputs: [name, half] });
        graph.node({ op: 'Cast', inputs: [above!], outputs: ['label'], attributes: { to: { int: 7 } } });
        graph.output('label', 'int64', ['N', 1]);
      }
      const own = {
        'millrace.task': spec.task,
        'millrace.estimator': spec.estimator.kind,
        'millrace.features': canonicalJson(preprocessor.featureNames),
      };
      return graph.build({ metadata: { ...own, ...build.metadata } });
    },
  };
}

function createEstimator({ task, estimator }: PipelineSpec): Estimator {
  const params = estimator.params ?? {};
  if (estimator.kind === 'gradient_boosting') return gradientBoosting(task, params);
  if (estimator.kind === 'logistic' && task === 'binary') return logisticRegression(params);
  if (estimator.kind === 'linear' && task === 'regression') return linearRegression(params);
  throw pipelineInvalid(
    'estimator.kind',
    `is "${estimator.kind}", which does not fit task "${task}". Use "logistic" for binary, "linear" for regression, or "gradient_boosting".`,
  );
}

function pipelineInvalid(field: string, description: string): AppError {
  return invalidArgument('PIPELINE_INVALID', [{ field, description }]);
}

/** Labels are as many as rows and finite; a binary task has both labels; weights are positive. */
function checkLabels(frame: Frame, labels: Labels, task: Task, weights: Weights | undefined): void {
  const wrong = (description: string, field = 'labels') => invalidArgument('LABEL_INVALID', [{ field, description }]);
  if (frame.rows === 0) throw wrong('are none: there is no training row. Check the filters and the split.');
  if (labels.length !== frame.rows) throw wrong(`has ${labels.length} values for ${frame.rows} rows.`);
  if (weights && weights.length !== frame.rows)
    throw wrong(`has ${weights.length} values for ${frame.rows} rows.`, 'weights');
  let positives = 0;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isFinite(label)) throw wrong(`is ${label} in row ${i}. Drop the row or mend it.`);
    if (task === 'binary' && label !== 0 && label !== 1)
      throw wrong(`is ${label} in row ${i}; a binary label is 0 or 1.`);
    if (weights && !(weights[i]! > 0 && weights[i]! < Number.POSITIVE_INFINITY)) {
      throw wrong(`is ${weights[i]} in row ${i}; a weight is positive and finite.`, 'weights');
    }
    positives += label === 1 ? 1 : 0;
  }
  if (task === 'binary' && (positives === 0 || positives === labels.length)) {
    throw wrong(`are all ${positives === 0 ? 0 : 1}. A binary task needs rows of both labels.`);
  }
}
