import type { FeatureBins } from '../bins.ts';
import type { Objective } from '../objective.ts';

/** The sizes of one training, fixed before its buffers are made. */
export interface Layout {
  /** Training rows. */
  readonly rows: number;
  /** Training rows and, after them, validation rows. */
  readonly allRows: number;
  /** The features that can be split on; "position" below is an index into this list. */
  readonly features: readonly FeatureBins[];
  /** Where each position's bins begin in a histogram. */
  readonly offsets: Uint32Array;
  /** Bins of all positions together. */
  readonly totalBins: number;
  /** Histograms that are kept at a time. */
  readonly slots: number;
  /** Whether rows have weights. */
  readonly weighted: boolean;
  /** Whether trees see bags of rows. */
  readonly bagged: boolean;
  /** Nodes of one tree at most. */
  readonly nodesMax: number;
}

/** A leaf's place in the index, and what it adds to the scores of its rows. */
export interface LeafRange {
  readonly begin: number;
  readonly end: number;
  readonly value: number;
}

/**
 * How derivatives become whole numbers: value · 2^exponent, rounded half to even. Sums of whole numbers do not depend on
 * the order of addition, so histograms are the same for any number of threads.
 */
export interface Quantisation {
  readonly gradientExponent: number;
  readonly hessianExponent: number;
}

/** Sums over the rows of a leaf; gradient and Hessian in quantised units, exact. */
export interface Sums {
  readonly gradient: number;
  readonly hessian: number;
  readonly count: number;
}

/** What a split must satisfy. */
export interface SplitLimits {
  readonly minDataInLeaf: number;
  readonly minSumHessian: number;
  readonly lambdaL1: number;
  readonly lambdaL2: number;
  readonly minGain: number;
}

/** The best split of a leaf. */
export interface Split {
  readonly position: number;
  /** Rows of this bin and those before it go left. */
  readonly bin: number;
  readonly missingLeft: boolean;
  /** How much the objective (times two) falls, before the learning rate. */
  readonly gain: number;
  readonly left: Sums;
}

/** A tree over bins, nodes numbered so that a parent precedes its children; `position` is -1 in a leaf. */
export interface BinnedTree {
  readonly nodes: number;
  readonly position: Int32Array;
  readonly bin: Uint8Array;
  readonly missingLeft: Uint8Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly value: Float64Array;
}

/**
 * The inner loops of training on their own buffers. There are two implementations, which give the same bits:
 * {@link ./reference.ts} (plain typed arrays) and {@link ./wasm.ts} (WebAssembly, threads).
 */
export interface Kernels {
  /** One per row of `allRows`. */
  readonly labels: Float32Array;
  /** One per row of `allRows`; empty when the layout is not weighted. */
  readonly weights: Float32Array;
  /** The raw score of each row of `allRows`. */
  readonly scores: Float64Array;
  /** The training rows of the bag, those of a leaf side by side and rising. */
  readonly index: Uint32Array;
  /** 1 for each training row in the bag; empty when the layout is not bagged. */
  readonly bag: Uint8Array;
  /** Writes the bins of a feature for rows from `at` on; `rowIndex` (or 0 … rows - 1) says which values of `column`. */
  encode(position: number, column: Float32Array, rowIndex: Uint32Array | undefined, rows: number, at: number): void;
  /** To be called once, when all features are encoded. */
  finishEncoding(): void;
  /** Derivatives of all training rows; gives the largest absolute values. */
  gradients(objective: Objective): { readonly gradient: number; readonly hessian: number };
  /** Turns the derivatives into whole numbers in place. */
  quantise(quantisation: Quantisation): void;
  /** The sum of losses over rows [from, to) in blocks of fixed size. */
  loss(objective: Objective, from: number, to: number): number;
  /** Fills a slot with the histogram of the rows at index [begin, end). */
  buildHistogram(slot: number, begin: number, end: number): void;
  /** Takes histogram `minus` away from histogram `slot`. */
  subtract(slot: number, minus: number): void;
  /** The sums over the rows of a slot, from the bins of position 0. */
  sums(slot: number): Sums;
  /** The best split of the slot's rows among the positions whose `mask` is 1; ties go to the lower position, then bin. */
  findSplit(slot: number, total: Sums, mask: Uint8Array, limits: SplitLimits, scale: Quantisation): Split | undefined;
  /** Orders index [begin, end) stably, left rows first; gives where the right ones begin. */
  partition(begin: number, end: number, position: number, bin: number, missingLeft: boolean): number;
  /** Adds each leaf's value to the scores of its rows. The leaves are sorted, and cover the bag without gaps. */
  addLeaves(leaves: readonly LeafRange[]): void;
  /** Adds the tree's values to the scores of rows [from, to); with `outside`, of those among them outside the bag. */
  addTree(tree: BinnedTree, from: number, to: number, outside: boolean): void;
  /** The histogram of a slot as (gradient, Hessian, count) triples: for tests. */
  readHistogram(slot: number): Float64Array;
  /** Gives back buffers and threads. */
  close(): Promise<void>;
}
