export type { BootstrapMetric, BootstrapOptions, Interval, PairedDifference } from './bootstrap.ts';
export { bootstrapDifference, bootstrapMetric } from './bootstrap.ts';
export type { Calibration, CalibrationBin } from './calibration.ts';
export { calibration } from './calibration.ts';
export { edgeRows } from './edge-rows.ts';
export type { FitProgress, Importance, Task } from './estimator.ts';
export type { CrossValidation, Evaluation } from './evaluation.ts';
export { crossValidate, evaluate } from './evaluation.ts';
export { toFeeds } from './feeds.ts';
export type { CategoryColumn, Frame, FrameColumn, NumberArray, NumericColumn } from './frame.ts';
export { checkFrame, frameOf, selectRows, selectValues, sliceRows } from './frame.ts';
export type { LogisticParams } from './logistic.ts';
export type { Labels, Matrix, Weights } from './matrix.ts';
export type { RocPoint, ThresholdMetrics } from './metrics.ts';
export {
  areaUnderRoc,
  brierScore,
  logLoss,
  meanAbsoluteError,
  rocCurve,
  rootMeanSquaredError,
  rSquared,
  thresholdMetrics,
} from './metrics.ts';
export type { Parity, ParityOptions } from './parity.ts';
export { checkParity } from './parity.ts';
export type { EstimatorKind, FitPipelineOptions, FittedPipeline, PipelineSpec } from './pipeline.ts';
export { fitPipeline } from './pipeline.ts';
export type { FittedColumn } from './preprocessor.ts';
export type { LinearParams } from './ridge.ts';
export type {
  ColumnPreprocessing,
  ImputeStep,
  OneHotStep,
  OrdinalStep,
  PreprocessingSpec,
  PreprocessingStep,
} from './spec.ts';
export type { Split } from './splits.ts';
export { kFold, splitByTime, stratifiedKFold, timeSeriesSplit } from './splits.ts';
