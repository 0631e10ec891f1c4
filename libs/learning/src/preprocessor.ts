import { AppError } from '@millrace/kernel';
import type { GraphBuilder } from '@millrace/onnx';
import type { CategoryEncoder } from './category-steps.ts';
import { applyEncoder, emitEncoder, encodedNames, fitEncoder } from './category-steps.ts';
import type { CategoryColumn, Frame } from './frame.ts';
import { columnOf } from './frame.ts';
import type { Labels, Matrix } from './matrix.ts';
import type { NumericStep } from './numeric-steps.ts';
import {
  applyNumeric,
  emitIndicator,
  emitNumeric,
  fitMinMaxScale,
  fitNumericImpute,
  fitStandardScale,
  missingIndicator,
} from './numeric-steps.ts';
import type { ColumnPreprocessing, ImputeStep, PreprocessingSpec, PreprocessingStep } from './spec.ts';
import { invalidStep } from './step-error.ts';

/** A raw column with its fitted steps; plain data. */
export interface FittedColumn {
  readonly name: string;
  readonly inputType: 'float32' | 'int64' | 'string';
  /** Set for category columns. */
  readonly encoder: CategoryEncoder | undefined;
  readonly steps: readonly NumericStep[];
  readonly featureNames: readonly string[];
}

/** Fitted preprocessing: the same function as JavaScript and as ONNX nodes. */
export interface Preprocessor {
  /** The raw columns it reads, in the order of the graph's inputs. */
  readonly columns: readonly FittedColumn[];
  readonly featureNames: readonly string[];
  /** Features of raw rows; throws INVALID_ARGUMENT `COLUMN_MISSING` when a column is absent or of the other kind. */
  transform(frame: Frame): Matrix;
  /** Declares one input [N,1] for each raw column and gives the name of the features' value, [N,F] float32. */
  emit(graph: GraphBuilder): string;
}

/**
 * Fits preprocessing on training rows. Throws INVALID_ARGUMENT `PREPROCESSING_INVALID` for a step that does not suit its
 * column, and for names of columns that the frame does not have. `labels` are those of the rows, for steps that look at them.
 */
export function fitPreprocessing(
  frame: Frame,
  spec: PreprocessingSpec,
  defaults: Required<Pick<PreprocessingSpec, 'numeric' | 'category'>>,
  labels?: Labels,
): Preprocessor {
  for (const name of [...Object.keys(spec.columns ?? {}), ...(spec.drop ?? [])]) {
    if (!Object.hasOwn(frame.columns, name)) throw unknownColumn(name, frame);
  }
  const columns = Object.entries(frame.columns)
    .filter(([name]) => !spec.drop?.includes(name))
    .map(([name, column]) => fitColumn(name, frame, spec.columns?.[name] ?? { steps: rule(column.kind) }, labels));
  const featureNames = columns.flatMap((column) => column.featureNames);
  checkNames(featureNames);
  return {
    columns,
    featureNames,
    transform: (rows) => ({
      rows: rows.rows,
      names: featureNames,
      columns: columns.flatMap((column) => transformColumn(column, rows)),
    }),
    emit(graph) {
      const inputs = columns.map((column) => graph.input(column.name, column.inputType, ['N', 1]));
      const parts = columns.flatMap((column, i) => emitColumn(column, graph, inputs[i]!));
      return graph.node({ op: 'Concat', inputs: parts, attributes: { axis: { int: 1 } } })[0]!;
    },
  };

  function rule(kind: 'numeric' | 'category') {
    return spec[kind] ?? defaults[kind];
  }
}

function unknownColumn(column: string, frame: Frame): AppError {
  const known = Object.keys(frame.columns).join(', ');
  return new AppError(
    'INVALID_ARGUMENT',
    `Column "${column}" of the preprocessing does not exist. Columns: ${known}.`,
    {
      reason: 'PREPROCESSING_INVALID',
      fields: { column },
    },
  );
}

function checkNames(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (names.length > 0 && twice === undefined) return;
  const what = twice === undefined ? 'No feature is left after preprocessing.' : `Two features are named "${twice}".`;
  throw new AppError('INVALID_ARGUMENT', `${what} Change the columns or their names.`, {
    reason: 'PREPROCESSING_INVALID',
  });
}

function fitColumn(name: string, frame: Frame, spec: ColumnPreprocessing, labels: Labels | undefined): FittedColumn {
  const column = frame.columns[name]!;
  if (column.kind === 'category') return fitCategoryColumn(name, column, spec.steps, labels);
  const { steps, indicator } = fitNumericSteps(name, column.values, spec.steps);
  const featureNames = indicator ? [name, `${name}__missing`] : [name];
  return { name, inputType: spec.inputType ?? 'float32', encoder: undefined, steps, featureNames };
}

function fitCategoryColumn(
  name: string,
  column: CategoryColumn,
  specs: readonly PreprocessingStep[],
  labels: Labels | undefined,
): FittedColumn {
  const first = specs[0];
  const impute: ImputeStep | undefined = first?.op === 'impute' ? first : undefined;
  const [encode, ...rest] = impute ? specs.slice(1) : specs;
  if (encode?.op !== 'one_hot' && encode?.op !== 'ordinal') {
    throw invalidStep(name, encode?.op ?? 'none', 'does not turn texts into numbers; use "one_hot" or "ordinal".');
  }
  const encoder = fitEncoder(name, column, encode, impute, labels);
  const featureNames = encodedNames(name, encoder);
  if (encoder.op === 'one_hot' && rest.length > 0) {
    throw invalidStep(name, rest[0]!.op, 'stands after "one_hot"; one_hot comes last.');
  }
  const fitted = rest.length > 0 ? fitNumericSteps(name, applyEncoder(encoder, column)[0]!, rest) : undefined;
  return {
    name,
    inputType: 'string',
    encoder,
    steps: fitted?.steps ?? [],
    featureNames: fitted?.indicator ? [name, `${name}__missing`] : featureNames,
  };
}

function fitNumericSteps(name: string, raw: Float32Array, specs: readonly PreprocessingStep[]) {
  const steps: NumericStep[] = [];
  let values = raw;
  for (const spec of specs) {
    if (spec.op === 'passthrough') continue;
    if (spec.op === 'one_hot' || spec.op === 'ordinal') {
      throw invalidStep(name, spec.op, 'is for texts; the column holds numbers.');
    }
    const step = fitNumericStep(name, values, spec);
    steps.push(step);
    if (spec !== specs.at(-1)) values = applyNumeric(step, values);
  }
  return { steps, indicator: steps.some((step) => step.op === 'impute' && step.indicator) };
}

function fitNumericStep(
  name: string,
  values: Float32Array,
  spec: Exclude<PreprocessingStep, { op: 'passthrough' | 'one_hot' | 'ordinal' }>,
): NumericStep {
  if (spec.op === 'impute') return fitNumericImpute(name, values, spec);
  return spec.op === 'standard_scale' ? fitStandardScale(values) : fitMinMaxScale(values);
}

function transformColumn(column: FittedColumn, frame: Frame): Float32Array[] {
  if (column.encoder === undefined) return applySteps(column, columnOf(frame, column.name, 'numeric').values);
  const encoded = applyEncoder(column.encoder, columnOf(frame, column.name, 'category'));
  return column.encoder.op === 'one_hot' ? encoded : applySteps(column, encoded[0]!);
}

function applySteps(column: FittedColumn, raw: Float32Array): Float32Array[] {
  let values = raw;
  let indicator: Float32Array | undefined;
  for (const step of column.steps) {
    if (step.op === 'impute' && step.indicator) indicator = missingIndicator(values);
    values = applyNumeric(step, values);
  }
  return indicator ? [values, indicator] : [values];
}

function emitColumn(column: FittedColumn, graph: GraphBuilder, input: string): string[] {
  if (column.encoder?.op === 'one_hot') {
    return column.featureNames.length === 0 ? [] : [emitEncoder(column.encoder, graph, input)];
  }
  let value = input;
  if (column.encoder) value = emitEncoder(column.encoder, graph, input);
  else if (column.inputType === 'int64') {
    value = graph.node({ op: 'Cast', inputs: [input], attributes: { to: { int: 1 } } })[0]!;
  }
  let indicator: string | undefined;
  for (const step of column.steps) {
    if (step.op === 'impute' && step.indicator) indicator = emitIndicator(graph, value);
    value = emitNumeric(step, graph, value);
  }
  return indicator ? [value, indicator] : [value];
}
