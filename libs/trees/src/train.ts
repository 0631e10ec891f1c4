import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Rng } from '@millrace/kernel';
import { AppError, createRng } from '@millrace/kernel';
import type { LabelledRows } from './data.ts';
import { checkRows, copyTargets, planLayout, usedRows } from './data.ts';
import type { GrownTree } from './grow.ts';
import { growTree } from './grow.ts';
import type { Kernels, Layout } from './kernels/kernels.ts';
import { WasmKernels } from './kernels/wasm.ts';
import type { TreeModel } from './model.ts';
import { assembleModel } from './model.ts';
import type { Objective } from './objective.ts';
import { objectiveOf } from './objective.ts';
import type { TreeParams, TreeParamsInput } from './params.ts';
import { resolveTreeParams } from './params.ts';
import { chooseQuantisation } from './quantise.ts';
import { chooseFeatures, drawBag } from './sampling.ts';

/** What happened in a round. */
export interface Round {
  /** 1 for the first. */
  readonly round: number;
  /** Mean loss on the training rows (log loss, or squared error) after this round, weighted. */
  readonly trainLoss: number;
  /** The same on the validation rows, when there are some. */
  readonly validLoss?: number;
}

/** What {@link train} takes. */
export interface TrainOptions extends LabelledRows {
  /** Rows that steer early stopping and are never learnt from. `columns` and `rows` default to the training's. */
  readonly validation?: Omit<LabelledRows, 'columns' | 'rows'> & Partial<Pick<LabelledRows, 'columns' | 'rows'>>;
  readonly params: TreeParamsInput;
  /** Where chance comes from: bin samples, bags, feature subsets. */
  readonly seed: number | string;
  readonly featureNames?: readonly string[];
  /** Threads at most; 1 when left out. Their number does not change the model. */
  readonly threads?: number;
  /** Called after each round. Asking for it costs one more pass over the labels a round. */
  readonly onRound?: (round: Round) => void;
  /** Looked at after each round; aborting rejects with CANCELLED `TRAINING_CANCELLED`. */
  readonly signal?: AbortSignal;
  /** Which kernels to use; for tests. */
  readonly kernels?: (layout: Layout, threads: number) => Promise<Kernels>;
}

/**
 * Trains a gradient-boosted ensemble (Friedman, 2001; histogram form as in LightGBM, Ke et al., 2017). The same input,
 * parameters and seed give the same bytes, whatever the number of threads.
 *
 * The event loop is blocked for the time of a round; call it in a worker or a child process when something else must
 * answer. Rejects with INVALID_ARGUMENT for wrong parameters or data (see {@link checkRows}; also `ONE_CLASS`,
 * `LABEL_NOT_BINARY`), RESOURCE_EXHAUSTED `HISTOGRAMS_TOO_LARGE`, CANCELLED. When no feature can be split on (constant
 * or all missing), the model has no trees and predicts the base score.
 */
export async function train(options: TrainOptions): Promise<TreeModel> {
  const params = resolveTreeParams(options.params);
  const threads = checkThreads(options.threads ?? 1);
  const validation = validationOf(options);
  checkRows(options, options.columns.length, 'train');
  if (validation !== undefined) checkRows(validation, options.columns.length, 'validation');
  const rng = createRng(options.seed);
  const weighted = options.weights !== undefined || validation?.weights !== undefined;
  const validationRows = validation === undefined ? 0 : usedRows(validation);
  const layout = planLayout(options, validationRows, weighted, params, rng.fork('bins'));
  const kernels = await (options.kernels ?? WasmKernels.create)(layout, threads);
  try {
    const booster = new Booster(kernels, layout, params, rng);
    booster.load(options, validation);
    const trees = await boost(booster, options, params, validation !== undefined);
    return assembleModel(trees, layout.features, {
      objective: params.objective,
      featureCount: options.columns.length,
      ...(options.featureNames === undefined ? {} : { featureNames: options.featureNames }),
      baseScore: booster.baseScore,
      seed: options.seed,
      params,
    });
  } finally {
    await kernels.close();
  }
}

async function boost(
  booster: Booster,
  options: TrainOptions,
  params: TreeParams,
  hasValidation: boolean,
): Promise<GrownTree[]> {
  const trees: GrownTree[] = [];
  let best = { loss: Number.POSITIVE_INFINITY, round: 0 };
  const patience = hasValidation && params.earlyStoppingRounds > 0 ? params.earlyStoppingRounds : undefined;
  for (let round = 1; round <= params.rounds && booster.canSplit; round++) {
    await nextTurn();
    if (options.signal?.aborted)
      throw new AppError('CANCELLED', `Training was cancelled after ${round - 1} rounds.`, {
        reason: 'TRAINING_CANCELLED',
        cause: options.signal.reason,
      });
    const tree = booster.round(round);
    if (tree.leaves === 1 && params.baggingFrequency === 0 && params.featureFraction === 1) break;
    trees.push(tree);
    const validLoss = hasValidation && (patience || options.onRound) ? booster.validLoss() : undefined;
    options.onRound?.({
      round,
      trainLoss: booster.trainLoss(),
      ...(validLoss === undefined ? {} : { validLoss }),
    });
    if (patience === undefined || validLoss === undefined) continue;
    if (validLoss < best.loss) best = { loss: validLoss, round };
    else if (round - best.round >= patience) break;
  }
  return patience === undefined ? trees : trees.slice(0, best.round);
}

/** The state of a training between rounds. */
class Booster {
  readonly canSplit: boolean;
  baseScore = 0;
  readonly #kernels: Kernels;
  readonly #layout: Layout;
  readonly #params: TreeParams;
  readonly #rng: Rng;
  readonly #objective: Objective;
  readonly #mask: Uint8Array;
  #bagRows = 0;

  constructor(kernels: Kernels, layout: Layout, params: TreeParams, rng: Rng) {
    this.canSplit = layout.features.length > 0;
    this.#kernels = kernels;
    this.#layout = layout;
    this.#params = params;
    this.#rng = rng;
    this.#objective = objectiveOf(params.objective);
    this.#mask = new Uint8Array(layout.features.length).fill(1);
  }

  load(data: LabelledRows, validation: LabelledRows | undefined): void {
    const { rows, allRows, features, weighted } = this.#layout;
    const { labels } = this.#kernels;
    const weights = weighted ? this.#kernels.weights : undefined;
    copyTargets(data, labels, weights, 0, 'train');
    this.#objective.checkLabels(labels, 0, rows);
    if (validation !== undefined) copyTargets(validation, labels, weights, rows, 'validation');
    for (const [position, { feature }] of features.entries()) {
      this.#kernels.encode(position, data.columns[feature]!, data.rowIndex, rows, 0);
      if (validation === undefined) continue;
      this.#kernels.encode(position, validation.columns[feature]!, validation.rowIndex, allRows - rows, rows);
    }
    this.#kernels.finishEncoding();
    this.baseScore = this.#objective.baseScore(labels, weights, 0, rows);
    this.#kernels.scores.fill(this.baseScore);
  }

  round(round: number): GrownTree {
    const { rows, allRows, bagged } = this.#layout;
    const { baggingFrequency, baggingFraction, featureFraction } = this.#params;
    if (bagged && (round - 1) % baggingFrequency === 0)
      this.#bagRows = drawBag(
        this.#kernels.index,
        this.#kernels.bag,
        rows,
        baggingFraction,
        this.#rng.fork(`bag/${round}`),
      );
    else this.#resetIndex();
    if (featureFraction < 1) chooseFeatures(this.#mask, featureFraction, this.#rng.fork(`features/${round}`));
    const scale = chooseQuantisation(rows, this.#kernels.gradients(this.#objective));
    this.#kernels.quantise(scale);
    const tree = growTree(this.#kernels, this.#bagRows, this.#mask, this.#params, scale);
    if (bagged) this.#kernels.addTree(tree, 0, rows, true);
    if (allRows > rows) this.#kernels.addTree(tree, rows, allRows, false);
    return tree;
  }

  trainLoss(): number {
    return this.#meanLoss(0, this.#layout.rows);
  }

  validLoss(): number {
    return this.#meanLoss(this.#layout.rows, this.#layout.allRows);
  }

  #meanLoss(from: number, to: number): number {
    let weight = to - from;
    if (this.#layout.weighted) {
      weight = 0;
      for (let i = from; i < to; i++) weight += this.#kernels.weights[i]!;
    }
    return this.#kernels.loss(this.#objective, from, to) / weight;
  }

  /** The rows of the bag in rising order: growing a tree has mixed them. */
  #resetIndex(): void {
    const { index, bag } = this.#kernels;
    this.#bagRows = 0;
    for (let row = 0; row < this.#layout.rows; row++) {
      if (this.#layout.bagged && bag[row] !== 1) continue;
      index[this.#bagRows++] = row;
    }
  }
}

function validationOf(options: TrainOptions): LabelledRows | undefined {
  if (options.validation === undefined) return undefined;
  return { columns: options.columns, rows: options.rows, ...options.validation };
}

function checkThreads(threads: number): number {
  if (Number.isInteger(threads) && threads >= 1 && threads <= 32) return threads;
  throw new AppError('INVALID_ARGUMENT', `threads: ${threads} is not allowed. Use a whole number from 1 to 32.`, {
    reason: 'THREADS_INVALID',
    fields: { threads: String(threads) },
  });
}
