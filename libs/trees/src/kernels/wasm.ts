import { readFileSync } from 'node:fs';
import { powerOfTwo } from '../exp.ts';
import type { Objective, ObjectiveName } from '../objective.ts';
import { LOSS_BLOCK } from '../objective.ts';
import type { BinnedTree, Kernels, Layout, LeafRange, Quantisation, Split, SplitLimits, Sums } from './kernels.ts';
import type { Operation } from './operations.ts';
import { OPERATIONS } from './operations.ts';
import type { Plan } from './plan.ts';
import { CHUNK_ROWS_MIN, planMemory, STAGING_ROWS } from './plan.ts';
import { gainToBeat } from './scan.ts';
import type { Arguments } from './team.ts';
import { THREADS_MAX, ThreadTeam } from './team.ts';
import type { WasmMemory, WasmModule } from './webassembly.ts';
import { wasm } from './webassembly.ts';

/** How work is divided; the defaults suit real sizes, tests use smaller ones. The results do not depend on them. */
export interface Tuning {
  /** Training rows for each thread at least: below, starting a worker costs more than it saves. */
  readonly rowsPerThread: number;
  /** Rows of a chunk; at least CHUNK_ROWS_MIN. */
  readonly chunkRows: number;
  /** Rows of a chunk of a histogram. */
  readonly histogramRows: number;
}

const DEFAULT_TUNING: Tuning = { rowsPerThread: 20_000, chunkRows: 16_384, histogramRows: 4_096 };

/** Codes of the objectives that the kernels know; others run in TypeScript on the caller's thread. */
const OBJECTIVES: Readonly<Record<ObjectiveName, number>> = { binary: 0, l2: 1 };

let compiled: WasmModule | undefined;

/** Kernels in WebAssembly with SIMD, shared among threads. */
export class WasmKernels implements Kernels {
  readonly labels: Float32Array;
  readonly weights: Float32Array;
  readonly scores: Float64Array;
  readonly index: Uint32Array;
  readonly bag: Uint8Array;
  readonly #layout: Layout;
  readonly #plan: Plan;
  readonly #team: ThreadTeam;
  readonly #tuning: Tuning;
  readonly #buffer: SharedArrayBuffer;
  readonly #view: DataView;

  private constructor(layout: Layout, plan: Plan, memory: WasmMemory, team: ThreadTeam, tuning: Tuning) {
    this.#layout = layout;
    this.#plan = plan;
    this.#team = team;
    this.#tuning = tuning;
    this.#buffer = memory.buffer;
    this.#view = new DataView(memory.buffer);
    this.labels = new Float32Array(memory.buffer, plan.labels, plan.allRows);
    this.weights = new Float32Array(memory.buffer, plan.weights, layout.weighted ? plan.allRows : 0);
    this.scores = new Float64Array(memory.buffer, plan.scores, plan.allRows);
    this.index = new Uint32Array(memory.buffer, plan.index, plan.rows);
    this.bag = new Uint8Array(memory.buffer, plan.bag, layout.bagged ? plan.rows : 0);
    const offsets = new Uint32Array(memory.buffer, plan.offsets, plan.features);
    for (const [i, bins] of layout.offsets.entries()) offsets[i] = bins * 16;
  }

  /** Takes the memory and starts the threads: `threads` at most, fewer for few rows. */
  static async create(layout: Layout, threads: number, tuning: Tuning = DEFAULT_TUNING): Promise<WasmKernels> {
    const wanted = Math.min(threads, THREADS_MAX, Math.max(1, Math.floor(layout.rows / tuning.rowsPerThread)));
    const plan = planMemory(layout, wanted);
    const pages = Math.ceil(plan.bytes / 65_536);
    const memory = new wasm.Memory({ initial: pages, maximum: pages, shared: true });
    compiled ??= new wasm.Module(readFileSync(new URL('./kernels.wasm', import.meta.url)));
    const team = await ThreadTeam.start({ module: compiled, memory, plan }, wanted);
    return new WasmKernels(layout, plan, memory, team, tuning);
  }

  encode(position: number, column: Float32Array, rowIndex: Uint32Array | undefined, rows: number, at: number): void {
    const { bounds, regular } = this.#layout.features[position]!;
    const table = new Float32Array(this.#buffer, this.#plan.bounds, 256).fill(Number.POSITIVE_INFINITY);
    table.set(bounds);
    const staging = new Float32Array(this.#buffer, this.#plan.staging, STAGING_ROWS);
    const out = this.#plan.columns + position * this.#plan.pitch + at;
    for (let begin = 0; begin < rows; begin += STAGING_ROWS) {
      const size = Math.min(STAGING_ROWS, rows - begin);
      if (rowIndex === undefined) staging.set(column.subarray(begin, begin + size));
      else for (let i = 0; i < size; i++) staging[i] = column[rowIndex[begin + i]!]!;
      this.#run('encode', 0, size, { a: out + begin, b: regular });
    }
  }

  finishEncoding(): void {
    if (this.#plan.features > 0) this.#run('transpose', 0, this.#plan.allRows);
  }

  gradients(objective: Objective): { gradient: number; hessian: number } {
    const { rows, results } = this.#plan;
    this.#run('gradients', 0, rows, { a: OBJECTIVES[objective.name] });
    let gradient = 0;
    let hessian = 0;
    for (let chunk = 0; chunk * this.#tuning.chunkRows < rows; chunk++) {
      gradient = Math.max(gradient, this.#view.getFloat32(results + chunk * 8, true));
      hessian = Math.max(hessian, this.#view.getFloat32(results + chunk * 8 + 4, true));
    }
    return { gradient, hessian };
  }

  quantise({ gradientExponent, hessianExponent }: Quantisation): void {
    this.#run('quantise', 0, this.#plan.rows, { x: powerOfTwo(gradientExponent), y: powerOfTwo(hessianExponent) });
  }

  loss(objective: Objective, from: number, to: number): number {
    this.#team.run(OPERATIONS.loss, from, to, LOSS_BLOCK, { a: OBJECTIVES[objective.name] });
    let sum = 0;
    for (let block = 0; from + block * LOSS_BLOCK < to; block++)
      sum += this.#view.getFloat64(this.#plan.results + block * 8, true);
    return sum;
  }

  buildHistogram(slot: number, begin: number, end: number): void {
    const { totalBins, partials, histogramBytes } = this.#plan;
    const { exports } = this.#team.caller;
    const out = this.#slot(slot);
    exports.clear(out, totalBins);
    this.#team.forgetPartials();
    const even = Math.ceil((end - begin) / (8 * this.#team.threads));
    this.#team.run(OPERATIONS.histogram, begin, end, Math.max(even, this.#tuning.histogramRows), { a: out });
    for (let thread = 1; thread < this.#team.threads; thread++)
      if (this.#team.usedPartial(thread)) exports.add(out, partials + (thread - 1) * histogramBytes, totalBins);
  }

  subtract(slot: number, minus: number): void {
    this.#team.caller.exports.subtract(this.#slot(slot), this.#slot(minus), this.#plan.totalBins);
  }

  sums(slot: number): Sums {
    const bins = this.#layout.features[0]!.bins;
    let [gradient, hessian, count] = [0, 0, 0];
    for (const [i, value] of this.#read(this.#slot(slot), bins).entries()) {
      if (i % 3 === 0) gradient += value;
      else if (i % 3 === 1) hessian += value;
      else count += value;
    }
    return { gradient, hessian, count };
  }

  findSplit(slot: number, total: Sums, mask: Uint8Array, limits: SplitLimits, scale: Quantisation): Split | undefined {
    const { scanParams, scanOut, shift } = this.#plan;
    const { features, offsets } = this.#layout;
    const { scan } = this.#team.caller.exports;
    this.#writeScanParams(total, limits, scale);
    let best: Split | undefined;
    for (let position = 0; position < features.length; position++) {
      if (mask[position] !== 1) continue;
      const { regular, hasMissing } = features[position]!;
      const bins = this.#slot(slot) + offsets[position]! * 16;
      scan(bins, regular, hasMissing ? 1 : 0, shift, scanParams, scanOut);
      const gain = this.#view.getFloat64(scanOut, true);
      if (gain >= 0 && (best === undefined || gain > best.gain)) best = this.#readSplit(position, gain);
    }
    return best;
  }

  partition(begin: number, end: number, position: number, bin: number, missingLeft: boolean): number {
    const { index, swap, columns, pitch, results } = this.#plan;
    const { move } = this.#team.caller.exports;
    const size = this.#tuning.chunkRows;
    const missing = this.#layout.features[position]!.regular;
    const args = { a: columns + position * pitch, b: bin, c: missing + (missingLeft ? 256 : 0) };
    this.#team.run(OPERATIONS.partition, begin, end, size, args);
    let to = begin;
    const chunks = Math.ceil((end - begin) / size);
    const leftOf = (chunk: number) => this.#view.getUint32(results + chunk * 8, true);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const left = leftOf(chunk);
      if (chunk > 0) move(index + to * 4, index + (begin + chunk * size) * 4, left * 4);
      to += left;
    }
    const middle = to;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const right = Math.min(size, end - begin - chunk * size) - leftOf(chunk);
      move(index + to * 4, swap + (begin + chunk * size) * 4, right * 4);
      to += right;
    }
    return middle;
  }

  addLeaves(leaves: readonly LeafRange[]): void {
    for (const [i, { begin, end, value }] of leaves.entries()) {
      const at = this.#plan.leaves + i * 16;
      this.#view.setUint32(at, begin, true);
      this.#view.setUint32(at + 4, end, true);
      this.#view.setFloat64(at + 8, value, true);
    }
    this.#run('addLeaves', 0, leaves.at(-1)!.end, { a: leaves.length });
  }

  addTree(tree: BinnedTree, from: number, to: number, outside: boolean): void {
    for (let n = 0; n < tree.nodes; n++) {
      const at = this.#plan.nodes + n * 32;
      const feature = this.#layout.features[tree.position[n]!];
      const words = [
        tree.position[n]!,
        tree.bin[n]!,
        feature?.regular ?? 0,
        tree.missingLeft[n]!,
        tree.left[n]!,
        tree.right[n]!,
      ];
      for (const [i, word] of words.entries()) this.#view.setInt32(at + i * 4, word, true);
      this.#view.setFloat64(at + 24, tree.value[n]!, true);
    }
    this.#run('addTree', from, to, { a: outside ? this.#plan.bag : 0 });
  }

  readHistogram(slot: number): Float64Array {
    return this.#read(this.#slot(slot), this.#plan.totalBins);
  }

  close(): Promise<void> {
    return this.#team.stop();
  }

  #run(operation: Operation, from: number, to: number, args: Arguments = {}): void {
    this.#team.run(OPERATIONS[operation], from, to, Math.max(this.#tuning.chunkRows, CHUNK_ROWS_MIN), args);
  }

  #slot(slot: number): number {
    return this.#plan.slots + slot * this.#plan.histogramBytes;
  }

  #read(at: number, bins: number): Float64Array {
    const out = new Float64Array(bins * 3);
    const shift = BigInt(this.#plan.shift);
    for (let bin = 0; bin < bins; bin++) {
      const packed = this.#view.getBigInt64(at + bin * 16 + 8, true);
      out[3 * bin] = Number(this.#view.getBigInt64(at + bin * 16, true));
      out[3 * bin + 1] = Number(packed >> shift);
      out[3 * bin + 2] = Number(packed & ((1n << shift) - 1n));
    }
    return out;
  }

  #writeScanParams(total: Sums, limits: SplitLimits, scale: Quantisation): void {
    const beat = gainToBeat(total, limits, scale);
    const params = [
      total.gradient,
      total.hessian,
      total.count,
      powerOfTwo(-scale.gradientExponent),
      powerOfTwo(-scale.hessianExponent),
      limits.lambdaL1,
      limits.lambdaL2,
      limits.minDataInLeaf,
      limits.minSumHessian,
      beat.own,
      beat.total,
    ];
    for (const [i, value] of params.entries()) this.#view.setFloat64(this.#plan.scanParams + i * 8, value, true);
  }

  #readSplit(position: number, gain: number): Split {
    const real = (at: number) => this.#view.getFloat64(this.#plan.scanOut + at, true);
    const left = { gradient: real(24), hessian: real(32), count: real(40) };
    return { position, bin: real(8), missingLeft: real(16) === 1, gain, left };
  }
}
