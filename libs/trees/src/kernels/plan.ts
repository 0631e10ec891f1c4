import { AppError } from '@millrace/kernel';
import { LOSS_BLOCK } from '../objective.ts';
import { countBits } from '../quantise.ts';
import type { Layout } from './kernels.ts';

/** Where everything lies in the shared memory: byte addresses and sizes. Plain numbers, so that threads can be sent it. */
export interface Plan {
  readonly rows: number;
  readonly allRows: number;
  readonly features: number;
  /** Bytes of a row of `codes`. */
  readonly stride: number;
  readonly totalBins: number;
  /** Bits of the count in a bin's second word. */
  readonly shift: number;
  readonly control: number;
  readonly bounds: number;
  readonly staging: number;
  readonly scanParams: number;
  readonly scanOut: number;
  readonly offsets: number;
  readonly leaves: number;
  readonly nodes: number;
  /** Eight bytes for each chunk of an operation. */
  readonly results: number;
  /** Bins feature by feature, `pitch` bytes each: for partitions. */
  readonly columns: number;
  readonly pitch: number;
  /** Bins row by row: for histograms. */
  readonly codes: number;
  readonly pairs: number;
  readonly scores: number;
  readonly labels: number;
  /** 0 without weights. */
  readonly weights: number;
  readonly index: number;
  readonly swap: number;
  /** 0 without bagging. */
  readonly bag: number;
  /** Rows gathered for a histogram, `scratchBytes` for each thread. */
  readonly scratch: number;
  readonly scratchBytes: number;
  /** One histogram for each thread but the first, which writes into the slot itself. */
  readonly partials: number;
  readonly slots: number;
  readonly histogramBytes: number;
  readonly bytes: number;
}

/** Values that are encoded at a time. */
export const STAGING_ROWS = 65_536;

/** Rows of a chunk at least, in operations that leave a result for each chunk. */
export const CHUNK_ROWS_MIN = LOSS_BLOCK;

/** Rows that assembly/histogram.ts gathers at a time. */
const GATHERED_ROWS = 1024;

/** What WebAssembly can address with 32 bits. */
const MEMORY_MAX = 65_536 * 65_536 - 65_536;

/**
 * Lays out the memory of a training: per row two bytes a feature (row by row and column by column), 24 bytes, and 4 more
 * with weights, 1 more with bagging; and 16 bytes a bin and leaf. Throws RESOURCE_EXHAUSTED `TRAINING_TOO_LARGE` when
 * that is more than 4 GiB.
 */
export function planMemory(layout: Layout, threads: number): Plan {
  const { rows, allRows, totalBins, slots, nodesMax } = layout;
  const features = layout.features.length;
  let at = 65_536; // Below lies what the compiler may use.
  const take = (bytes: number) => {
    const begin = at;
    at += Math.ceil(bytes / 64) * 64;
    return begin;
  };
  const stride = rowStride(features);
  const pitch = columnPitch(allRows);
  const histogramBytes = Math.ceil((totalBins * 16) / 64) * 64;
  const scratchBytes = GATHERED_ROWS * (16 + Math.ceil(features / 4) * 4);
  const plan = {
    rows,
    allRows,
    features,
    stride,
    totalBins,
    shift: countBits(rows),
    pitch,
    histogramBytes,
    scratchBytes,
    control: take(256),
    bounds: take(256 * 4),
    staging: take(STAGING_ROWS * 4),
    scanParams: take(96),
    scanOut: take(64),
    offsets: take(features * 4),
    leaves: take((nodesMax + 1) * 8),
    nodes: take(nodesMax * 32),
    results: take((Math.ceil(allRows / CHUNK_ROWS_MIN) + 1) * 8),
    columns: take(features * pitch),
    codes: take(allRows * stride + 64),
    pairs: take(rows * 8),
    scores: take(allRows * 8),
    labels: take(allRows * 4),
    weights: layout.weighted ? take(allRows * 4) : 0,
    index: take(rows * 4),
    swap: take(rows * 4 + 64),
    bag: layout.bagged ? take(rows) : 0,
    scratch: take(threads * scratchBytes),
    partials: take((threads - 1) * histogramBytes),
    slots: take(slots * histogramBytes),
    bytes: 0,
  };
  plan.bytes = at;
  if (at > MEMORY_MAX)
    throw new AppError(
      'RESOURCE_EXHAUSTED',
      `The training needs ${at} bytes; ${MEMORY_MAX} can be addressed. ` +
        `About ${Math.floor((rows * MEMORY_MAX) / at)} rows would fit: train on a sample, or with fewer features or leaves.`,
      { reason: 'TRAINING_TOO_LARGE', fields: { bytes: String(at), rows: String(rows) } },
    );
  return plan;
}

/** A power of two up to 32 and multiples of 32 above, so that a row touches as few cache lines as it can. */
function rowStride(features: number): number {
  if (features > 16) return Math.ceil(features / 32) * 32;
  return 2 ** Math.ceil(Math.log2(Math.max(4, features)));
}

/** Not a multiple of 4096, so that columns do not fall into the same cache sets. */
function columnPitch(rows: number): number {
  const pitch = Math.ceil(rows / 64) * 64;
  return pitch % 4096 === 0 ? pitch + 64 : pitch;
}
