import { invariant } from '@millrace/kernel';
import { powerOfTwo } from './exp.ts';
import type { BinnedTree, Kernels, LeafRange, Quantisation, Split, Sums } from './kernels/kernels.ts';
import { leafValue } from './kernels/scan.ts';
import type { TreeParams } from './params.ts';

/** A tree as it was grown; arrays have one entry a node. */
export interface GrownTree extends BinnedTree {
  readonly leaves: number;
  /** The gain of the node's split; 0 in a leaf. */
  readonly gain: Float64Array;
  /** Rows of the bag in the node. */
  readonly count: Uint32Array;
}

interface Leaf {
  readonly node: number;
  readonly depth: number;
  readonly begin: number;
  readonly end: number;
  readonly sums: Sums;
  readonly slot: number;
  readonly split: Split | undefined;
}

/**
 * Grows one tree leaf by leaf on the rows in `index[0, bag)`: always splits the leaf whose best split gains most (Shi,
 * 2007; LightGBM's leaf-wise growth). Only the smaller child's histogram is built, the other's is parent less sibling.
 * Adds the tree's values, times the learning rate, to the scores of the bag's rows.
 */
export function growTree(
  kernels: Kernels,
  bag: number,
  mask: Uint8Array,
  params: TreeParams,
  scale: Quantisation,
): GrownTree {
  const grower = new LeafWiseGrower(kernels, mask, params, scale);
  return grower.grow(bag);
}

class LeafWiseGrower {
  readonly #kernels: Kernels;
  readonly #mask: Uint8Array;
  readonly #params: TreeParams;
  readonly #scale: Quantisation;
  readonly #tree: ReturnType<typeof emptyTree>;
  readonly #freeSlots: number[] = [];
  #slotsUsed = 0;
  #nodes = 0;

  constructor(kernels: Kernels, mask: Uint8Array, params: TreeParams, scale: Quantisation) {
    this.#kernels = kernels;
    this.#mask = mask;
    this.#params = params;
    this.#scale = scale;
    this.#tree = emptyTree(2 * params.numLeaves - 1);
  }

  grow(bag: number): GrownTree {
    const root = this.#takeSlot();
    this.#kernels.buildHistogram(root, 0, bag);
    const leaves = [this.#leaf(this.#nodes++, 0, 0, bag, this.#kernels.sums(root), root, true)];
    while (leaves.length < this.#params.numLeaves) {
      const at = indexOfBest(leaves);
      if (at === undefined) break;
      const [left, right] = this.#split(leaves[at]!, leaves.length + 1 < this.#params.numLeaves);
      leaves[at] = left;
      leaves.push(right);
    }
    leaves.sort((a, b) => a.begin - b.begin);
    this.#kernels.addLeaves(leaves.map((leaf) => this.#finish(leaf)));
    const { position, bin, missingLeft, left, right, value, gain, count } = this.#tree;
    const n = this.#nodes;
    return {
      nodes: n,
      leaves: leaves.length,
      position: position.slice(0, n),
      bin: bin.slice(0, n),
      missingLeft: missingLeft.slice(0, n),
      left: left.slice(0, n),
      right: right.slice(0, n),
      value: value.slice(0, n),
      gain: gain.slice(0, n),
      count: count.slice(0, n),
    };
  }

  #split(leaf: Leaf, goOn: boolean): [Leaf, Leaf] {
    const split = leaf.split!;
    const middle = this.#kernels.partition(leaf.begin, leaf.end, split.position, split.bin, split.missingLeft);
    invariant(
      middle - leaf.begin === split.left.count,
      `partition gave ${middle - leaf.begin} rows, not the histogram's`,
    );
    const leftNode = this.#nodes++;
    const rightNode = this.#nodes++;
    const tree = this.#tree;
    tree.position[leaf.node] = split.position;
    tree.bin[leaf.node] = split.bin;
    tree.missingLeft[leaf.node] = split.missingLeft ? 1 : 0;
    tree.left[leaf.node] = leftNode;
    tree.right[leaf.node] = rightNode;
    tree.gain[leaf.node] = split.gain;
    tree.count[leaf.node] = leaf.end - leaf.begin;

    const rightSums = minus(leaf.sums, split.left);
    const depth = leaf.depth + 1;
    const worthwhile = goOn && this.#mayBeSplit(Math.max(split.left.count, rightSums.count), depth);
    let leftSlot = -1;
    let rightSlot = -1;
    if (worthwhile) {
      const small = this.#takeSlot();
      const leftIsSmall = split.left.count <= rightSums.count;
      if (leftIsSmall) this.#kernels.buildHistogram(small, leaf.begin, middle);
      else this.#kernels.buildHistogram(small, middle, leaf.end);
      this.#kernels.subtract(leaf.slot, small);
      [leftSlot, rightSlot] = leftIsSmall ? [small, leaf.slot] : [leaf.slot, small];
    } else this.#freeSlots.push(leaf.slot);
    return [
      this.#leaf(leftNode, depth, leaf.begin, middle, split.left, leftSlot, worthwhile),
      this.#leaf(rightNode, depth, middle, leaf.end, rightSums, rightSlot, worthwhile),
    ];
  }

  #leaf(node: number, depth: number, begin: number, end: number, sums: Sums, slot: number, search: boolean): Leaf {
    const split =
      search && this.#mayBeSplit(sums.count, depth)
        ? this.#kernels.findSplit(slot, sums, this.#mask, this.#params, this.#scale)
        : undefined;
    if (split !== undefined) return { node, depth, begin, end, sums, slot, split };
    if (slot >= 0) this.#freeSlots.push(slot);
    return { node, depth, begin, end, sums, slot: -1, split };
  }

  #mayBeSplit(count: number, depth: number): boolean {
    const { minDataInLeaf, maxDepth } = this.#params;
    return count >= 2 * minDataInLeaf && (maxDepth === 0 || depth < maxDepth);
  }

  #finish(leaf: Leaf): LeafRange {
    const { lambdaL1, lambdaL2, learningRate } = this.#params;
    const gradient = leaf.sums.gradient * powerOfTwo(-this.#scale.gradientExponent);
    const hessian = leaf.sums.hessian * powerOfTwo(-this.#scale.hessianExponent);
    const value = leafValue(gradient, hessian, lambdaL1, lambdaL2) * learningRate;
    this.#tree.position[leaf.node] = -1;
    this.#tree.value[leaf.node] = value;
    this.#tree.count[leaf.node] = leaf.sums.count;
    return { begin: leaf.begin, end: leaf.end, value };
  }

  #takeSlot(): number {
    return this.#freeSlots.pop() ?? this.#slotsUsed++;
  }
}

function emptyTree(nodes: number) {
  return {
    position: new Int32Array(nodes),
    bin: new Uint8Array(nodes),
    missingLeft: new Uint8Array(nodes),
    left: new Int32Array(nodes),
    right: new Int32Array(nodes),
    value: new Float64Array(nodes),
    gain: new Float64Array(nodes),
    count: new Uint32Array(nodes),
  };
}

function indexOfBest(leaves: readonly Leaf[]): number | undefined {
  let best: number | undefined;
  for (const [i, leaf] of leaves.entries())
    if (leaf.split !== undefined && (best === undefined || leaf.split.gain > leaves[best]!.split!.gain)) best = i;
  return best;
}

function minus(a: Sums, b: Sums): Sums {
  return { gradient: a.gradient - b.gradient, hessian: a.hessian - b.hessian, count: a.count - b.count };
}
