export {
  type ColumnDrift,
  compareColumns,
  compareProfiles,
  type DriftMethod,
  type DriftMetrics,
  type DriftRule,
  type DriftThresholds,
  type MissingDrift,
  type ProfileComparison,
} from './compare.ts';
export {
  type ChiSquare,
  chiSquare,
  hellinger,
  jensenShannonDistance,
  jsDivergenceBase2,
  linfinity,
  proportionsPValue,
  psi,
  toShares,
  totalVariation,
} from './distances.ts';
export {
  countAround,
  countBetween,
  countLevels,
  type KolmogorovSmirnov,
  ks,
  quantileEdges,
  type Sample,
  sturgesEdges,
  wasserstein,
  wassersteinNormalised,
} from './exact.ts';
export {
  type BoundedDistance,
  categoryBins,
  type DriftBin,
  ksFromProfiles,
  type OrderedProfile,
  quantileBins,
  unionDistinct,
  validCount,
  wassersteinFromProfiles,
  wassersteinNormalisedFromProfiles,
} from './from-profiles.ts';
export { type HistogramBin, histogram } from './histogram.ts';
export { estimateDistinct, type HyperLogLog, hllStandardError } from './hyperloglog.ts';
export { ksPValue, ksPValueAsymptotic, ksPValueExact } from './kolmogorov.ts';
export { mergeColumns, mergeProfiles } from './merge.ts';
export * from './model.ts';
export { mergeMoments, variance } from './moments.ts';
export { profileFromJson, profileToJson } from './profile-json.ts';
export { type ProfileQuery, type ProfileSqlOptions, profileSql } from './profile-sql.ts';
export { createProfiler, emptyProfile, type Profiler } from './profiler.ts';
export { type LinearSketch, type LogSketch, type SketchCell, sketchCells, sketchQuantile } from './quantile-sketch.ts';
export { isComplete, type TopValue, type TopValues } from './top-values.ts';
