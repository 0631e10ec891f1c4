import type { TreeModel } from '@millrace/trees';
import { appendTreeEnsemble, featureImportance, predict, resolveTreeParams, train, treeCount } from '@millrace/trees';
import type { Estimator, FitOptions, FittedEstimator, Task } from './estimator.ts';
import type { Labels, Matrix } from './matrix.ts';

/**
 * Histogram gradient boosting of `@millrace/trees`; the parameters are its `TreeParams` without `objective`, which
 * follows from the task: log loss for `binary`, squared error for `regression`. Its importance is the gain of splits.
 */
export function gradientBoosting(task: Task, given: Readonly<Record<string, unknown>>): Estimator {
  const objective = task === 'binary' ? ('binary' as const) : ('l2' as const);
  const params = resolveTreeParams({ ...given, objective });
  return {
    acceptsMissing: true,
    async fit(matrix, labels, options) {
      const { onRound } = options;
      const model = await train({
        columns: matrix.columns,
        rows: matrix.rows,
        labels: floats(labels),
        params,
        seed: options.seed,
        featureNames: matrix.names,
        ...optional(options),
        ...(onRound === undefined
          ? {}
          : {
              onRound: ({ round, trainLoss, validLoss }) =>
                onRound({
                  round,
                  rounds: params.rounds,
                  trainingLoss: trainLoss,
                  ...(validLoss === undefined ? {} : { validationLoss: validLoss }),
                }),
            }),
      });
      return fittedTrees(matrix, model);
    },
  };
}

function optional({ weights, validation, signal, threads }: FitOptions) {
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(weights === undefined ? {} : { weights }),
    ...(signal === undefined ? {} : { signal }),
    ...(validation === undefined
      ? {}
      : {
          validation: {
            columns: validation.matrix.columns,
            rows: validation.matrix.rows,
            labels: floats(validation.labels),
          },
        }),
  };
}

function floats(labels: Labels): Float64Array | Float32Array {
  return labels instanceof Uint8Array ? Float32Array.from(labels) : labels;
}

function fittedTrees(matrix: Matrix, model: TreeModel): FittedEstimator {
  const { gain } = featureImportance(model);
  return {
    rounds: treeCount(model),
    importance: matrix.names
      .map((feature, j) => ({ feature, value: gain[j]! }))
      .filter(({ value }) => value > 0)
      .sort((a, b) => b.value - a.value || (a.feature < b.feature ? -1 : 1)),
    thresholds: thresholdsOf(model, matrix.names),
    predict: (rows) => predict(model, rows.columns, rows.rows),
    emit: (graph, features) => appendTreeEnsemble(graph, features, model),
  };
}

function thresholdsOf(model: TreeModel, names: readonly string[]): Record<string, Float32Array> {
  const byFeature = new Map<string, Set<number>>();
  for (let node = 0; node < model.feature.length; node++) {
    if (model.feature[node]! < 0) continue;
    const name = names[model.feature[node]!] as string;
    byFeature.set(name, (byFeature.get(name) ?? new Set()).add(model.threshold[node]!));
  }
  return Object.fromEntries([...byFeature].map(([name, values]) => [name, Float32Array.from(values).sort()]));
}
