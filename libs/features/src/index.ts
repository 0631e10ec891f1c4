export { AGGREGATES } from './accumulators.ts';
export type { CompileOptions } from './compile.ts';
export { compileExpression } from './compile.ts';
export type { Refresh } from './durations.ts';
export { boundaryAtOrBefore, parseDuration } from './durations.ts';
export type { Evaluator } from './evaluate.ts';
export { compileEvaluator } from './evaluate.ts';
export type { Comparison, Expression } from './expression.ts';
export { columnsOf } from './expression.ts';
export type { FunctionSpec, Overload } from './function-spec.ts';
export { FUNCTIONS, LANGUAGE } from './functions.ts';
export type { MaterializeRequest } from './materialize.ts';
export { materializeSql } from './materialize.ts';
export type { FeatureChange, FeatureViewPlan, SettingChange } from './plan.ts';
export { explainPlan } from './plan.ts';
export type { PointInTimeRequest, PointInTimeView } from './point-in-time.ts';
export { pointInTimeSql } from './point-in-time.ts';
export type { ExpressionReason } from './problems.ts';
export { quoteIdentifier, quoteText, toSql } from './sql.ts';
export type { SerializeSql } from './syntax.ts';
export { EXPRESSION_DEPTH_MAX, EXPRESSION_TEXT_MAX } from './syntax.ts';
export type { ColumnSchema, FeatureType, Row, Value } from './types.ts';
export { FEATURE_TYPES, featureTypeOfSql, SQL_TYPES } from './types.ts';
export type {
  AggregateFunction,
  CompiledFeature,
  CompiledFeatureView,
  CompileViewOptions,
  FeatureDefinition,
  FeatureViewDefinition,
} from './view.ts';
export { AGGREGATE_FUNCTIONS, compileFeatureView, emptyFeatureValues, FEATURES_MAX } from './view.ts';
