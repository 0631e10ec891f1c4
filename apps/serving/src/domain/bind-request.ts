import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument } from '@millrace/kernel';
import type { InferInput, InferRequest } from '../codec/messages.ts';
import type { DatatypeSpec, NumericValues, TensorValues } from './datatypes.ts';
import { DATATYPE_NAMES, datatypeNamed } from './datatypes.ts';
import type { ModelInput, ModelPlan, RequestColumn } from './model-plan.ts';
import { parseTimes } from './parse-times.ts';
import { TensorError, valuesFromContents, valuesFromRaw } from './tensor-values.ts';

/** A request made ready for its model. */
export interface BoundRequest {
  readonly rows: number;
  /** The model's inputs in order; `undefined` ones are looked up. */
  readonly columns: (TensorValues | undefined)[];
  /** Request columns for the look-up, by name; undefined when nothing is looked up. Timestamps in microseconds. */
  readonly lookup: ReadonlyMap<string, TensorValues> | undefined;
  /** Event times of the rows in microseconds since 1970, where the request brings them. */
  readonly eventTimes: BigInt64Array | undefined;
  /** Positions of the outputs to answer, in the order asked for; undefined: all. */
  readonly outputs: readonly number[] | undefined;
}

interface Reading {
  readonly plan: ModelPlan;
  readonly violations: FieldViolation[];
}

/**
 * Reads a request's tensors as inputs of the model and as request columns of its feature service. Inputs that are given
 * win over looked-up features; when all are given, nothing is looked up.
 *
 * Throws INVALID_ARGUMENT `INFERENCE_INPUT_INVALID` with every violation at once.
 */
export function bindRequest(plan: ModelPlan, request: InferRequest, rowsMax: number): BoundRequest {
  const reading: Reading = { plan, violations: [] };
  const rows = rowsOf(reading, request, rowsMax);
  const columns: (TensorValues | undefined)[] = new Array(plan.inputs.length).fill(undefined);
  const given = new Map<string, TensorValues>();
  const isRaw = request.rawInputs.length > 0;
  if (isRaw && request.rawInputs.length !== request.inputs.length) {
    wrong(
      reading,
      'raw_input_contents',
      'RAW_CONTENTS_COUNT',
      `has ${request.rawInputs.length} tensors for ${request.inputs.length} inputs. Send one for each input.`,
    );
  } else {
    for (let i = 0; i < request.inputs.length; i++)
      readTensor(reading, request.inputs[i]!, isRaw ? request.rawInputs[i] : undefined, rows, columns, given);
  }
  const outputs = outputsOf(reading, request);
  const isComplete = columns.every((column) => column !== undefined);
  if (!isComplete) checkComplete(reading, columns, given);
  if (reading.violations.length > 0) throw invalidArgument('INFERENCE_INPUT_INVALID', reading.violations);
  const eventTimes = plan.features && (given.get(plan.features.eventTimeColumn) as BigInt64Array | undefined);
  return { rows, columns, lookup: isComplete ? undefined : given, eventTimes, outputs };
}

function readTensor(
  reading: Reading,
  input: InferInput,
  raw: Uint8Array | undefined,
  rows: number,
  columns: (TensorValues | undefined)[],
  given: Map<string, TensorValues>,
): void {
  const { plan } = reading;
  const index = plan.inputIndex.get(input.name);
  const column = plan.requestColumn.get(input.name);
  const field = `inputs.${input.name}`;
  if (index === undefined && column === undefined) {
    const known = new Set([...plan.requestColumn.keys(), ...plan.inputIndex.keys()]);
    wrong(reading, field, 'UNKNOWN_INPUT', `is not an input. Known: ${[...known].join(', ')}.`);
    return;
  }
  if ((index !== undefined && columns[index] !== undefined) || given.has(input.name)) {
    wrong(reading, field, 'DUPLICATE_INPUT', 'is given twice. Send each input once.');
    return;
  }
  const type = datatypeNamed(input.datatype);
  if (type === undefined) {
    wrong(reading, field, 'WRONG_DATATYPE', `has datatype "${input.datatype}". Use one of ${DATATYPE_NAMES}.`);
    return;
  }
  const target = index === undefined ? undefined : plan.inputs[index]!;
  const length = lengthOf(reading, field, input.shape, rows, target);
  if (length === undefined) return;
  try {
    const values = readValues(type, input, raw, length);
    if (column) given.set(input.name, toColumn(column, type, values));
    if (target && index !== undefined) columns[index] = toInput(target, type, values, column !== undefined);
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
    wrong(reading, field, 'WRONG_CONTENTS', error.message);
  }
}

function readValues(type: DatatypeSpec, input: InferInput, raw: Uint8Array | undefined, length: number): TensorValues {
  if (raw === undefined) return valuesFromContents(type, input.contents ?? {}, length);
  if (input.contents && Object.values(input.contents).some((values) => values.length > 0))
    throw new TensorError('has both raw and typed contents. Send one of them.');
  return valuesFromRaw(type, raw, length);
}

/** Values as the model takes them. Only request columns are converted: other tensors must have the model's datatype. */
function toInput(target: ModelInput, type: DatatypeSpec, values: TensorValues, isColumn: boolean): TensorValues {
  if (type === target.type) return values;
  if (!isColumn || Array.isArray(values) || target.type.width === 0)
    throw new TensorError(`has datatype ${type.name}. Send ${target.type.name}.`);
  const converted = target.type.make(values.length) as NumericValues;
  const isBig = converted instanceof BigInt64Array || converted instanceof BigUint64Array;
  if (isBig && (type.name === 'FP32' || type.name === 'FP64'))
    throw new TensorError(`has datatype ${type.name}. Send ${target.type.name}.`);
  for (let i = 0; i < values.length; i++) converted[i] = (isBig ? BigInt(values[i]!) : Number(values[i]!)) as never;
  return converted;
}

/** Values as the feature store takes them: timestamps become microseconds. */
function toColumn(column: RequestColumn, type: DatatypeSpec, values: TensorValues): TensorValues {
  const isText = Array.isArray(values);
  if (column.type === 'TIMESTAMP' || column.type === 'DATE') return parseTimes(column.type, type, values);
  if (column.type === 'STRING' || column.type === 'BINARY') {
    if (!isText) throw new TensorError(`has datatype ${type.name}. Send BYTES.`);
  } else if (isText) throw new TensorError(`has datatype BYTES. Send a number (${column.type}).`);
  else if (column.type.startsWith('INT') && type.name.startsWith('FP')) checkWhole(values);
  return values;
}

function checkWhole(values: NumericValues): void {
  for (const value of values) {
    if (!Number.isInteger(value)) throw new TensorError(`has the value ${value}, which is no whole number.`);
  }
}

function rowsOf(reading: Reading, request: InferRequest, rowsMax: number): number {
  const first = request.inputs[0];
  if (first === undefined) {
    wrong(reading, 'inputs', 'NO_INPUTS', 'is empty. Send the inputs that ModelMetadata names.');
    return 0;
  }
  const rows = first.shape[0] ?? 0;
  const isWhole = Number.isSafeInteger(rows) && rows >= 1;
  if (!isWhole) {
    wrong(reading, `inputs.${first.name}`, 'WRONG_SHAPE', `has shape [${first.shape}]. Send at least one row.`);
  } else if (rows > rowsMax) {
    wrong(reading, `inputs.${first.name}`, 'TOO_MANY_ROWS', `has ${rows} rows. Send at most ${rowsMax} at a time.`);
  }
  return isWhole && rows <= rowsMax ? rows : 0;
}

/** Elements of a tensor, or undefined when its shape is wrong. A width of one may be left out of the shape. */
function lengthOf(
  reading: Reading,
  field: string,
  shape: readonly number[],
  rows: number,
  target: ModelInput | undefined,
): number | undefined {
  const inner = target?.inner ?? [1];
  const width = target?.width ?? 1;
  const isFlat = shape.length === 1 && width === 1;
  const fits = isFlat || (shape.length === inner.length + 1 && inner.every((size, i) => shape[i + 1] === size));
  if (rows === 0) return undefined; // said already
  if (!fits) {
    wrong(reading, field, 'WRONG_SHAPE', `has shape [${shape}]. Send [${[rows, ...inner]}].`);
    return undefined;
  }
  if (shape[0] !== rows) {
    wrong(reading, field, 'ROWS_DIFFER', `has ${shape[0]} rows where the first input has ${rows}. Send equal numbers.`);
    return undefined;
  }
  return rows * width;
}

/** Adds what is missing: request columns when there is something to look up, else inputs of the model. */
function checkComplete(
  reading: Reading,
  columns: readonly (TensorValues | undefined)[],
  given: ReadonlyMap<string, TensorValues>,
): void {
  const { plan } = reading;
  const named = new Set(reading.violations.map(({ field }) => field));
  const missing = (name: string, more: string) => {
    if (!named.has(`inputs.${name}`)) wrong(reading, `inputs.${name}`, 'MISSING_INPUT', `is missing. ${more}`);
  };
  if (plan.features === undefined) {
    for (const [i, input] of plan.inputs.entries())
      if (columns[i] === undefined) missing(input.name, `Send ${input.type.name} [rows, ${input.inner}].`);
    return;
  }
  for (const column of plan.features.columns) {
    if (column.name !== plan.features.eventTimeColumn && !given.has(column.name))
      missing(column.name, `Send ${column.type}, or every input of the model.`);
  }
}

function outputsOf(reading: Reading, request: InferRequest): readonly number[] | undefined {
  if (request.outputs.length === 0) return undefined;
  const { outputs } = reading.plan;
  return request.outputs.map(({ name }) => {
    const index = outputs.findIndex((output) => output.name === name);
    if (index < 0) {
      const known = outputs.map((output) => output.name).join(', ');
      wrong(reading, `outputs.${name}`, 'UNKNOWN_OUTPUT', `is not an output. Known: ${known}.`);
    }
    return index;
  });
}

function wrong({ violations }: Reading, field: string, reason: string, description: string): void {
  violations.push({ field: field.slice(0, 200), reason, description });
}
