import type { Plan } from './plan.ts';
import type { WasmMemory, WasmModule } from './webassembly.ts';
import { wasm } from './webassembly.ts';

/** The functions of kernels.wasm; see assembly/. */
export interface KernelExports {
  encode(values: number, bounds: number, missing: number, out: number, from: number, to: number): void;
  transpose(
    columns: number,
    pitch: number,
    features: number,
    out: number,
    stride: number,
    from: number,
    to: number,
  ): void;
  gradients(
    objective: number,
    scores: number,
    labels: number,
    weights: number,
    out: number,
    maxima: number,
    from: number,
    to: number,
  ): void;
  quantise(pairs: number, gScale: number, hScale: number, from: number, to: number): void;
  loss(objective: number, scores: number, labels: number, weights: number, from: number, to: number): number;
  addLeaves(scores: number, index: number, leaves: number, count: number, from: number, to: number): void;
  addTree(scores: number, codes: number, stride: number, nodes: number, bag: number, from: number, to: number): void;
  histogram(
    out: number,
    index: number,
    codes: number,
    stride: number,
    features: number,
    offsets: number,
    pairs: number,
    shift: number,
    scratch: number,
    from: number,
    to: number,
  ): number;
  clear(out: number, bins: number): void;
  add(a: number, b: number, bins: number): void;
  subtract(a: number, b: number, bins: number): void;
  move(to: number, from: number, bytes: number): void;
  partition(
    index: number,
    swap: number,
    column: number,
    bin: number,
    missing: number,
    missingLeft: number,
    from: number,
    to: number,
  ): number;
  scan(bins: number, regular: number, hasMissing: number, shift: number, params: number, out: number): void;
}

/** Operations that are divided into chunks of rows; their arguments are the three integers and two reals beside them. */
export const OPERATIONS = {
  /** a: where the bins go, b: the bin of missing values. */
  encode: 0,
  transpose: 1,
  /** a: the objective's code. */
  gradients: 2,
  /** x, y: the multipliers. */
  quantise: 3,
  /** a: address of the slot. */
  histogram: 4,
  /** a: address of the column, b: bin, c: bin of missing values, and 256 more when they go left. */
  partition: 5,
  /** a: the number of leaves. */
  addLeaves: 6,
  /** a: address of the bag, or 0. */
  addTree: 7,
  /** a: the objective's code. */
  loss: 8,
} as const;

/** The name of an operation. */
export type Operation = keyof typeof OPERATIONS;

/** One chunk of an operation: rows, or places in the index, [from, to). */
export interface Chunk {
  readonly operation: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly x: number;
  readonly y: number;
  readonly chunk: number;
  readonly from: number;
  readonly to: number;
}

/** One thread's view of the kernels. */
export class KernelThread {
  readonly #exports: KernelExports;
  readonly #plan: Plan;
  /** Where this thread's histogram goes; undefined for the first thread, which uses the slot. */
  readonly #partial: number | undefined;
  readonly #scratch: number;
  readonly #results: DataView;
  /** Set when the partial histogram holds rows of the current operation. */
  readonly #markPartial: () => boolean;

  /** `markPartial` notes that this thread's partial histogram is in use, and tells whether it was already. */
  constructor(module: WasmModule, memory: WasmMemory, plan: Plan, thread: number, markPartial: () => boolean) {
    this.#exports = new wasm.Instance(module, { env: { memory } }).exports as KernelExports;
    this.#plan = plan;
    this.#partial = thread === 0 ? undefined : plan.partials + (thread - 1) * plan.histogramBytes;
    this.#scratch = plan.scratch + thread * plan.scratchBytes;
    this.#results = new DataView(memory.buffer, plan.results);
    this.#markPartial = markPartial;
  }

  /** The kernels themselves. */
  get exports(): KernelExports {
    return this.#exports;
  }

  /** Runs one chunk. */
  run({ operation, a, b, c, x, y, chunk, from, to }: Chunk): void {
    const p = this.#plan;
    const k = this.#exports;
    if (operation === OPERATIONS.histogram) this.#histogram(a, from, to);
    else if (operation === OPERATIONS.partition) {
      const left = k.partition(p.index, p.swap, a, b, c & 255, c >> 8, from, to);
      this.#results.setUint32(chunk * 8, left, true);
    } else if (operation === OPERATIONS.gradients)
      k.gradients(a, p.scores, p.labels, p.weights, p.pairs, p.results + chunk * 8, from, to);
    else if (operation === OPERATIONS.quantise) k.quantise(p.pairs, x, y, from, to);
    else if (operation === OPERATIONS.addLeaves) k.addLeaves(p.scores, p.index, p.leaves, a, from, to);
    else if (operation === OPERATIONS.addTree) k.addTree(p.scores, p.codes, p.stride, p.nodes, a, from, to);
    else if (operation === OPERATIONS.loss)
      this.#results.setFloat64(chunk * 8, k.loss(a, p.scores, p.labels, p.weights, from, to), true);
    else if (operation === OPERATIONS.encode) k.encode(p.staging, p.bounds, b, a, from, to);
    else k.transpose(p.columns, p.pitch, p.features, p.codes, p.stride, from, to);
  }

  #histogram(slot: number, from: number, to: number): void {
    const p = this.#plan;
    const out = this.#partial ?? slot;
    if (this.#partial !== undefined && !this.#markPartial()) this.#exports.clear(out, p.totalBins);
    const { index, codes, stride, features, offsets, pairs, shift } = p;
    this.#exports.histogram(out, index, codes, stride, features, offsets, pairs, shift, this.#scratch, from, to);
  }
}
