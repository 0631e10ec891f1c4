import type { Rng } from '@millrace/kernel';
import { AppError, invalidArgument } from '@millrace/kernel';
import type { FeatureBins } from './bins.ts';
import { createBinScratch, placeBins, sampleRows } from './bins.ts';
import type { Layout } from './kernels/kernels.ts';
import type { TreeParams } from './params.ts';
import { checkColumns } from './predict.ts';
import { MAX_ROWS } from './quantise.ts';

/** Features of a training set at most. */
export const MAX_FEATURES = 65_536;

/** Bytes of histograms at most: leaves times bins times 16. */
export const MAX_HISTOGRAM_BYTES = 2 ** 30;

/** Rows with labels: feature-major float32 columns, NaN being missing. */
export interface LabelledRows {
  readonly columns: readonly Float32Array[];
  /** Rows that each column has. */
  readonly rows: number;
  /** Which rows to use, in this order; all of them when left out. Labels and weights are numbered like the columns' rows. */
  readonly rowIndex?: Uint32Array | undefined;
  readonly labels: Float32Array | Float64Array;
  readonly weights?: Float32Array | Float64Array | undefined;
}

/** How many rows are used. */
export function usedRows(data: LabelledRows): number {
  return data.rowIndex?.length ?? data.rows;
}

/**
 * Checks shape and values: number and length of columns, row numbers, finite labels, finite weights that are not
 * negative and not all 0. Throws INVALID_ARGUMENT with reason `FEATURES_INVALID`, `NO_ROWS`, `TOO_MANY_ROWS`,
 * `ROW_INDEX_INVALID`, `LABEL_INVALID` or `WEIGHT_INVALID`. Infinite feature values are values like any other.
 */
export function checkRows(data: LabelledRows, featureCount: number, field: string): void {
  checkColumns(data.columns, data.rows, featureCount);
  const n = usedRows(data);
  if (featureCount < 1 || featureCount > MAX_FEATURES)
    throw wrong(
      `${field}.columns`,
      'FEATURES_INVALID',
      `there are ${featureCount} columns. Give 1 to ${MAX_FEATURES}.`,
    );
  if (n < 1) throw wrong(`${field}.rows`, 'NO_ROWS', 'there is no row. Give at least one.');
  if (n > MAX_ROWS)
    throw wrong(`${field}.rows`, 'TOO_MANY_ROWS', `${n} rows are more than ${MAX_ROWS}. Train on a sample.`);
  for (const row of data.rowIndex ?? [])
    if (row >= data.rows)
      throw wrong(`${field}.rowIndex`, 'ROW_INDEX_INVALID', `${row} is not a row of 0…${data.rows - 1}.`);
  for (const [name, values] of [
    ['labels', data.labels],
    ['weights', data.weights],
  ] as const)
    if (values !== undefined && values.length < data.rows)
      throw wrong(
        `${field}.${name}`,
        'FEATURES_INVALID',
        `has ${values.length} values for ${data.rows} rows. Give one a row.`,
      );
}

/** Copies labels and weights of the used rows to `at`, as float32; throws as {@link checkRows} says. */
export function copyTargets(
  data: LabelledRows,
  labels: Float32Array,
  weights: Float32Array | undefined,
  at: number,
  field: string,
): void {
  const n = usedRows(data);
  let total = 0;
  for (let i = 0; i < n; i++) {
    const row = data.rowIndex === undefined ? i : data.rowIndex[i]!;
    const label = Math.fround(data.labels[row]!);
    if (!Number.isFinite(label))
      throw wrong(
        `${field}.labels[${row}]`,
        'LABEL_INVALID',
        `${data.labels[row]} is not a finite float32. Drop the row or mend it.`,
      );
    labels[at + i] = label;
    if (weights === undefined) continue;
    const weight = Math.fround(data.weights?.[row] ?? 1);
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw wrong(
        `${field}.weights[${row}]`,
        'WEIGHT_INVALID',
        `${data.weights?.[row]} is negative or not finite. Use 0 or more.`,
      );
    weights[at + i] = weight;
    total += weight;
  }
  if (weights !== undefined && !(total > 0))
    throw wrong(`${field}.weights`, 'WEIGHT_INVALID', 'all weights are 0. Give some row a weight.');
}

/** Places the bins of every feature that can be split on, and fixes the sizes of the buffers. */
export function planLayout(
  data: LabelledRows,
  validationRows: number,
  weighted: boolean,
  params: TreeParams,
  rng: Rng,
): Layout {
  const rows = usedRows(data);
  const sample = sampleRows(rows, data.rowIndex, params.binSampleRows, rng);
  const scratch = createBinScratch(sample.length);
  const features: FeatureBins[] = [];
  for (const [i, column] of data.columns.entries()) {
    const bins = placeBins(i, column, sample, hasMissing(column, rows, data.rowIndex), params, scratch);
    if (bins !== undefined) features.push(bins);
  }
  const offsets = new Uint32Array(features.length);
  let totalBins = 0;
  for (const [i, { bins }] of features.entries()) {
    offsets[i] = totalBins;
    totalBins += bins;
  }
  const slots = Math.max(1, Math.min(params.numLeaves, Math.floor(rows / params.minDataInLeaf) + 1));
  const bytes = slots * totalBins * 16;
  if (bytes > MAX_HISTOGRAM_BYTES)
    throw new AppError(
      'RESOURCE_EXHAUSTED',
      `${slots} leaves with ${totalBins} bins need ${bytes} bytes of histograms; ${MAX_HISTOGRAM_BYTES} are allowed. ` +
        `Use at most ${Math.floor(MAX_HISTOGRAM_BYTES / 16 / totalBins)} leaves, or fewer bins or features.`,
      { reason: 'HISTOGRAMS_TOO_LARGE', fields: { bytes: String(bytes) } },
    );
  return {
    rows,
    allRows: rows + validationRows,
    features,
    offsets,
    totalBins,
    slots,
    weighted,
    bagged: params.baggingFraction < 1 && params.baggingFrequency > 0,
    nodesMax: 2 * params.numLeaves - 1,
  };
}

function hasMissing(column: Float32Array, rows: number, rowIndex: Uint32Array | undefined): boolean {
  for (let i = 0; i < rows; i++) {
    const x = column[rowIndex === undefined ? i : rowIndex[i]!]!;
    if (Number.isNaN(x)) return true;
  }
  return false;
}

function wrong(field: string, reason: string, description: string): AppError {
  return invalidArgument(reason, [{ field, reason, description }]);
}
