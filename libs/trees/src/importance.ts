import type { TreeModel } from './model.ts';

/** How much each feature contributed to a model. */
export interface Importance {
  /** The sum of gains of the splits on each feature. */
  readonly gain: Float64Array;
  /** The number of splits on each feature. */
  readonly splits: Uint32Array;
}

/** Gain and split importance, one entry a feature. Both are 0 for a feature that no tree uses. */
export function featureImportance(model: TreeModel): Importance {
  const gain = new Float64Array(model.featureCount);
  const splits = new Uint32Array(model.featureCount);
  for (let n = 0; n < model.feature.length; n++) {
    const f = model.feature[n]!;
    if (f < 0) continue;
    gain[f]! += model.gain[n]!;
    splits[f]!++;
  }
  return { gain, splits };
}
