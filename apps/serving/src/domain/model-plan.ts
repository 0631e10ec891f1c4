import type { DatatypeSpec } from './datatypes.ts';

/** An input of the model: one tensor whose first dimension is the rows. */
export interface ModelInput {
  readonly name: string;
  readonly type: DatatypeSpec;
  /** Sizes of all dimensions but the first. */
  readonly inner: readonly number[];
  /** Elements of a row: the product of `inner`. */
  readonly width: number;
}

/** An output of the model. */
export interface ModelOutput {
  readonly name: string;
  readonly type: DatatypeSpec;
  /** The shape as the model declares it; −1 for rows. */
  readonly shape: readonly number[];
}

/** Types of request columns, by the names of `millrace.common.v1.DataType`. */
export type RequestColumnType =
  | 'BOOLEAN'
  | 'INT32'
  | 'INT64'
  | 'FLOAT32'
  | 'FLOAT64'
  | 'STRING'
  | 'BINARY'
  | 'DATE'
  | 'TIMESTAMP';

/** A column that requests bring for the look-up. */
export interface RequestColumn {
  readonly name: string;
  readonly type: RequestColumnType;
}

/** How the model's inputs follow from requests. */
export interface FeaturePlan {
  /** Name of the feature service. */
  readonly service: string;
  readonly columns: readonly RequestColumn[];
  /** Name of the request column with the event time; requests may leave it out. */
  readonly eventTimeColumn: string;
}

/** What serving knows about a loaded model in order to read requests. */
export interface ModelPlan {
  readonly inputs: readonly ModelInput[];
  readonly outputs: readonly ModelOutput[];
  /** Position of each input by name. */
  readonly inputIndex: ReadonlyMap<string, number>;
  readonly requestColumn: ReadonlyMap<string, RequestColumn>;
  readonly features: FeaturePlan | undefined;
  /** The output that is logged as the prediction, and its position. */
  readonly predictionOutput: number;
}

/** Puts a plan together. */
export function createModelPlan(
  inputs: readonly ModelInput[],
  outputs: readonly ModelOutput[],
  features: FeaturePlan | undefined,
): ModelPlan {
  const wanted = ['probability', 'value'];
  const named = outputs.findIndex(({ name }) => wanted.includes(name));
  const floating = outputs.findIndex(({ type }) => type.name === 'FP32' || type.name === 'FP64');
  return {
    inputs,
    outputs,
    inputIndex: new Map(inputs.map(({ name }, i) => [name, i])),
    requestColumn: new Map((features?.columns ?? []).map((column) => [column.name, column])),
    features,
    predictionOutput: named >= 0 ? named : Math.max(floating, 0),
  };
}

/** The datatype in which a request column is best sent; timestamps and dates may also come as RFC 3339 text. */
export function datatypeOfColumn(type: RequestColumnType): string {
  const datatypes: Readonly<Record<RequestColumnType, string>> = {
    BOOLEAN: 'BOOL',
    INT32: 'INT32',
    INT64: 'INT64',
    FLOAT32: 'FP32',
    FLOAT64: 'FP64',
    STRING: 'BYTES',
    BINARY: 'BYTES',
    DATE: 'INT64',
    TIMESTAMP: 'INT64',
  };
  return datatypes[type];
}
