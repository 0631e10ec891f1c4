export { estimateDistinct, type HyperLogLog, hllStandardError } from './hyperloglog.ts';
export { mergeColumns, mergeProfiles } from './merge.ts';
export * from './model.ts';
export { mergeMoments, variance } from './moments.ts';
export { profileFromJson, profileToJson } from './profile-json.ts';
export { type ProfileQuery, type ProfileSqlOptions, profileSql } from './profile-sql.ts';
export { createProfiler, emptyProfile, type Profiler } from './profiler.ts';
export { type LinearSketch, type LogSketch, type SketchCell, sketchCells, sketchQuantile } from './quantile-sketch.ts';
export { isComplete, type TopValue, type TopValues } from './top-values.ts';
