import { invalidArgument } from '@millrace/kernel';
import { exp, log1p, sigmoid } from './exp.ts';

/** The names of the built-in objectives. */
export type ObjectiveName = 'binary' | 'l2';

/** What the trees minimise. Rows are numbered 0 … in the order of training; `weights` are absent when all are 1. */
export interface Objective {
  readonly name: ObjectiveName;
  /** Throws INVALID_ARGUMENT when the labels of rows [from, to) are outside the objective's domain. */
  checkLabels(labels: Float32Array, from: number, to: number): void;
  /** The constant raw score that minimises the loss on rows [from, to). */
  baseScore(labels: Float32Array, weights: Float32Array | undefined, from: number, to: number): number;
  /** Writes first and second derivatives by the raw score, times the weight, at `out[2 i]` and `out[2 i + 1]`. */
  gradients(
    scores: Float64Array,
    labels: Float32Array,
    weights: Float32Array | undefined,
    from: number,
    to: number,
    out: Float32Array,
  ): void;
  /** The sum of weighted losses over rows [from, to), added in the order of the rows; at most {@link LOSS_BLOCK} rows. */
  loss(scores: Float64Array, labels: Float32Array, weights: Float32Array | undefined, from: number, to: number): number;
  /** From a raw score to what is predicted: a probability, or the value itself. */
  link(raw: number): number;
}

/** Rows whose losses are added into one partial sum. Fixed, so that the number of threads does not change the sum. */
export const LOSS_BLOCK = 4096;

const binary: Objective = {
  name: 'binary',
  checkLabels(labels, from, to) {
    let ones = 0;
    for (let i = from; i < to; i++) {
      const y = labels[i]!;
      if (y === 1) ones++;
      else if (y !== 0)
        throw labelError(
          'LABEL_NOT_BINARY',
          `${y} at training row ${i} is neither 0 nor 1. Encode the two classes as 0 and 1.`,
        );
    }
    if (ones === 0 || ones === to - from)
      throw labelError('ONE_CLASS', `all ${to - from} labels are ${ones === 0 ? 0 : 1}. Give rows of both classes.`);
  },
  baseScore(labels, weights, from, to) {
    const mean = weightedMean(labels, weights, from, to);
    if (!(mean > 0 && mean < 1))
      throw labelError('ONE_CLASS', 'only one class has a weight above 0. Give both classes weight.');
    return Math.log(mean / (1 - mean));
  },
  gradients(scores, labels, weights, from, to, out) {
    for (let i = from; i < to; i++) {
      const p = sigmoid(scores[i]!);
      const w = weights === undefined ? 1 : weights[i]!;
      out[2 * i] = (p - labels[i]!) * w;
      out[2 * i + 1] = p * (1 - p) * w;
    }
  },
  loss(scores, labels, weights, from, to) {
    let sum = 0;
    for (let i = from; i < to; i++) {
      // log(1 + e^z) without overflow, z being the score's distance to the wrong side.
      const z = labels[i] === 1 ? -scores[i]! : scores[i]!;
      const loss = Math.max(z, 0) + log1p(exp(-Math.abs(z)));
      sum += weights === undefined ? loss : loss * weights[i]!;
    }
    return sum;
  },
  link: sigmoid,
};

const l2: Objective = {
  name: 'l2',
  checkLabels() {},
  baseScore: weightedMean,
  gradients(scores, labels, weights, from, to, out) {
    for (let i = from; i < to; i++) {
      const w = weights === undefined ? 1 : weights[i]!;
      out[2 * i] = (scores[i]! - labels[i]!) * w;
      out[2 * i + 1] = w;
    }
  },
  loss(scores, labels, weights, from, to) {
    let sum = 0;
    for (let i = from; i < to; i++) {
      const d = scores[i]! - labels[i]!;
      sum += weights === undefined ? d * d : d * d * weights[i]!;
    }
    return sum;
  },
  link: (raw) => raw,
};

/**
 * The objective of this name. `binary`: log loss, predicts the probability of label 1. `l2`: squared error; its
 * derivatives are those of half the squared error, its loss is the mean squared error.
 */
export function objectiveOf(name: ObjectiveName): Objective {
  return name === 'binary' ? binary : l2;
}

function weightedMean(labels: Float32Array, weights: Float32Array | undefined, from: number, to: number): number {
  let sum = 0;
  let total = 0;
  for (let i = from; i < to; i++) {
    const w = weights === undefined ? 1 : weights[i]!;
    sum += labels[i]! * w;
    total += w;
  }
  return sum / total;
}

function labelError(reason: string, description: string): Error {
  return invalidArgument(reason, [{ field: 'labels', reason, description }]);
}
