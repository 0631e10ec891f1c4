import { binOf } from '../bins.ts';
import { powerOfTwo, roundEven } from '../exp.ts';
import type { Objective } from '../objective.ts';
import { LOSS_BLOCK } from '../objective.ts';
import type { BinnedTree, Kernels, Layout, LeafRange, Quantisation, Split, SplitLimits, Sums } from './kernels.ts';
import { isBetterSplit, scanFeature } from './scan.ts';

/** Kernels in plain TypeScript on one thread: what the WebAssembly kernels are compared with. */
export class ReferenceKernels implements Kernels {
  readonly labels: Float32Array;
  readonly weights: Float32Array;
  readonly scores: Float64Array;
  readonly index: Uint32Array;
  readonly bag: Uint8Array;
  readonly #layout: Layout;
  readonly #derivatives: Float32Array;
  readonly #quantised: Int32Array;
  /** Row after row. */
  readonly #codes: Uint8Array;
  readonly #swap: Uint32Array;
  readonly #histograms: Float64Array;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.labels = new Float32Array(layout.allRows);
    this.weights = new Float32Array(layout.weighted ? layout.allRows : 0);
    this.scores = new Float64Array(layout.allRows);
    this.index = new Uint32Array(layout.rows);
    this.bag = new Uint8Array(layout.bagged ? layout.rows : 0);
    this.#swap = new Uint32Array(layout.rows);
    this.#derivatives = new Float32Array(2 * layout.rows);
    this.#quantised = new Int32Array(this.#derivatives.buffer);
    this.#codes = new Uint8Array(layout.allRows * layout.features.length);
    this.#histograms = new Float64Array(layout.slots * layout.totalBins * 3);
  }

  encode(position: number, column: Float32Array, rowIndex: Uint32Array | undefined, rows: number, at: number): void {
    const feature = this.#layout.features[position]!;
    const stride = this.#layout.features.length;
    const codes = this.#codes;
    for (let i = 0; i < rows; i++) {
      const x = column[rowIndex === undefined ? i : rowIndex[i]!]!;
      codes[(at + i) * stride + position] = binOf(x, feature);
    }
  }

  finishEncoding(): void {}

  gradients(objective: Objective): { gradient: number; hessian: number } {
    const d = this.#derivatives;
    objective.gradients(this.scores, this.labels, this.#weights(), 0, this.#layout.rows, d);
    let gradient = 0;
    let hessian = 0;
    for (let i = 0; i < d.length; i += 2) {
      gradient = Math.max(gradient, Math.abs(d[i]!));
      hessian = Math.max(hessian, d[i + 1]!);
    }
    return { gradient, hessian };
  }

  quantise({ gradientExponent, hessianExponent }: Quantisation): void {
    const g = powerOfTwo(gradientExponent);
    const h = powerOfTwo(hessianExponent);
    for (let i = 0; i < this.#derivatives.length; i += 2) {
      this.#quantised[i] = roundEven(this.#derivatives[i]! * g);
      this.#quantised[i + 1] = roundEven(this.#derivatives[i + 1]! * h);
    }
  }

  loss(objective: Objective, from: number, to: number): number {
    let sum = 0;
    for (let i = from; i < to; i += LOSS_BLOCK)
      sum += objective.loss(this.scores, this.labels, this.#weights(), i, Math.min(i + LOSS_BLOCK, to));
    return sum;
  }

  buildHistogram(slot: number, begin: number, end: number): void {
    const { features, offsets } = this.#layout;
    const histogram = this.#histogram(slot).fill(0);
    const stride = features.length;
    for (let k = begin; k < end; k++) {
      const row = this.index[k]!;
      const g = this.#quantised[2 * row]!;
      const h = this.#quantised[2 * row + 1]!;
      for (let f = 0; f < stride; f++) {
        const at = 3 * (offsets[f]! + this.#codes[row * stride + f]!);
        histogram[at]! += g;
        histogram[at + 1]! += h;
        histogram[at + 2]! += 1;
      }
    }
  }

  subtract(slot: number, minus: number): void {
    const a = this.#histogram(slot);
    const b = this.#histogram(minus);
    for (let i = 0; i < a.length; i++) a[i]! -= b[i]!;
  }

  sums(slot: number): Sums {
    const histogram = this.#histogram(slot);
    const sums = [0, 0, 0];
    for (let i = 0; i < 3 * this.#layout.features[0]!.bins; i++) sums[i % 3]! += histogram[i]!;
    return { gradient: sums[0]!, hessian: sums[1]!, count: sums[2]! };
  }

  findSplit(slot: number, total: Sums, mask: Uint8Array, limits: SplitLimits, scale: Quantisation): Split | undefined {
    const histogram = this.#histogram(slot);
    let best: Split | undefined;
    for (const [position, feature] of this.#layout.features.entries()) {
      if (mask[position] !== 1) continue;
      const from = 3 * this.#layout.offsets[position]!;
      const bins = histogram.subarray(from, from + 3 * feature.bins);
      const split = scanFeature(position, feature, bins, total, limits, scale);
      if (split !== undefined && isBetterSplit(split, best)) best = split;
    }
    return best;
  }

  partition(begin: number, end: number, position: number, bin: number, missingLeft: boolean): number {
    const { features } = this.#layout;
    const missing = features[position]!.regular;
    let left = begin;
    let right = 0;
    for (let k = begin; k < end; k++) {
      const row = this.index[k]!;
      const code = this.#codes[row * features.length + position]!;
      if (code === missing ? missingLeft : code <= bin) this.index[left++] = row;
      else this.#swap[right++] = row;
    }
    this.index.set(this.#swap.subarray(0, right), left);
    return left;
  }

  addLeaves(leaves: readonly LeafRange[]): void {
    for (const { begin, end, value } of leaves) for (let k = begin; k < end; k++) this.scores[this.index[k]!]! += value;
  }

  addTree(tree: BinnedTree, from: number, to: number, outside: boolean): void {
    const { features } = this.#layout;
    for (let row = from; row < to; row++) {
      if (outside && this.bag[row] === 1) continue;
      let node = 0;
      for (let p = tree.position[0]!; p >= 0; p = tree.position[node]!) {
        const code = this.#codes[row * features.length + p]!;
        const goesLeft = code === features[p]!.regular ? tree.missingLeft[node] === 1 : code <= tree.bin[node]!;
        node = goesLeft ? tree.left[node]! : tree.right[node]!;
      }
      this.scores[row]! += tree.value[node]!;
    }
  }

  readHistogram(slot: number): Float64Array {
    return this.#histogram(slot).slice();
  }

  async close(): Promise<void> {}

  #histogram(slot: number): Float64Array {
    const size = 3 * this.#layout.totalBins;
    return this.#histograms.subarray(slot * size, (slot + 1) * size);
  }

  #weights(): Float32Array | undefined {
    return this.#layout.weighted ? this.weights : undefined;
  }
}
