import type { TensorValues } from '../domain/datatypes.ts';
import type { ModelInput } from '../domain/model-plan.ts';
import type { LogColumn, LogColumnType } from './parquet-file.ts';

/** The predictions of one request. */
export interface LoggedRequest {
  /** The request's id; row i of several has `<id>/<i>`. */
  readonly predictionId: string;
  readonly rows: number;
  /** Microseconds since 1970; undefined: the request's time. */
  readonly eventTimes: BigInt64Array | undefined;
  /** Milliseconds since 1970. */
  readonly requestMs: number;
  /** Name of the model version. */
  readonly version: string;
  readonly latencyUs: number;
  /** The model's inputs in order. */
  readonly columns: readonly TensorValues[];
  /** The output that counts as the prediction; its first element of each row is logged. */
  readonly predictions: TensorValues;
}

/** What a segment tells about itself. */
export interface SegmentSummary {
  readonly rows: number;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly rowsByVersion: Readonly<Record<string, number>>;
}

interface Growing {
  readonly name: string;
  readonly type: LogColumnType;
  readonly input: number;
  readonly width: number;
  readonly offset: number;
  readonly values: (number | bigint | string)[];
}

const TYPES: Readonly<Record<string, LogColumnType>> = {
  FP32: 'FLOAT',
  FP64: 'DOUBLE',
  INT8: 'INT32',
  INT16: 'INT32',
  INT32: 'INT32',
  INT64: 'INT64',
  UINT8: 'INT32',
  UINT16: 'INT32',
  UINT32: 'INT64',
  UINT64: 'INT64',
  BOOL: 'BOOLEAN',
  BYTES: 'STRING',
};

/** What models must have in common for their predictions to lie in one file. */
export function segmentKey(inputs: readonly ModelInput[]): string {
  return inputs.map(({ name, type, width }) => `${name} ${type.name} ${width}`).join('\n');
}

/** Predictions in memory, by column, that will be one file. An input of several elements a row becomes columns `<input>_<i>`. */
export class LogSegment {
  readonly #ids: string[] = [];
  readonly #eventTimes: bigint[] = [];
  readonly #requestTimes: bigint[] = [];
  readonly #versions: string[] = [];
  readonly #latencies: number[] = [];
  readonly #predictions: number[] = [];
  readonly #inputs: Growing[];
  readonly #rowsByVersion: Record<string, number> = {};

  constructor(inputs: readonly ModelInput[]) {
    this.#inputs = inputs.flatMap(({ name, type, width }, input) =>
      Array.from({ length: width }, (_, offset) => ({
        name: width === 1 ? name : `${name}_${offset}`,
        type: TYPES[type.name]!,
        input,
        width,
        offset,
        values: [],
      })),
    );
  }

  get rows(): number {
    return this.#ids.length;
  }

  /** Copies the request's rows. */
  append(request: LoggedRequest): void {
    const { rows, version, predictions, predictionId } = request;
    const requestTime = BigInt(request.requestMs) * 1000n;
    const latencyUs = Math.round(request.latencyUs);
    const predictionWidth = predictions.length / rows;
    for (let row = 0; row < rows; row++) {
      this.#ids.push(rows === 1 ? predictionId : `${predictionId}/${row}`);
      this.#eventTimes.push(request.eventTimes?.[row] ?? requestTime);
      this.#requestTimes.push(requestTime);
      this.#versions.push(version);
      this.#latencies.push(latencyUs);
      this.#predictions.push(Number(predictions[row * predictionWidth]));
    }
    for (const { input, width, offset, values } of this.#inputs) {
      const column = request.columns[input]!;
      for (let row = 0; row < rows; row++) values.push(column[row * width + offset]!);
    }
    this.#rowsByVersion[version] = (this.#rowsByVersion[version] ?? 0) + rows;
  }

  summary(): SegmentSummary {
    let start = this.#eventTimes[0] ?? 0n;
    let end = start;
    for (const time of this.#eventTimes) {
      if (time < start) start = time;
      if (time > end) end = time;
    }
    const startMs = Number(start / 1000n);
    return { rows: this.rows, startMs, endMs: Number(end / 1000n), rowsByVersion: this.#rowsByVersion };
  }

  /** The columns of the file: those of `PredictionLogFile`, and the model's inputs. */
  columns(): LogColumn[] {
    const own = (name: string, type: LogColumnType, values: LogColumn['values'], isNullable = false): LogColumn => ({
      name,
      type,
      values,
      isNullable,
    });
    return [
      own('prediction_id', 'STRING', this.#ids),
      own('event_time', 'TIMESTAMP', this.#eventTimes),
      own('request_time', 'TIMESTAMP', this.#requestTimes),
      own('model_version', 'STRING', this.#versions),
      own('latency_us', 'INT64', this.#latencies),
      ...this.#inputs.map(({ name, type, values }) =>
        own(name, type, values as LogColumn['values'], type === 'FLOAT' || type === 'DOUBLE' || type === 'STRING'),
      ),
      own('prediction', 'DOUBLE', this.#predictions, true),
    ];
  }
}
