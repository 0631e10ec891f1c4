import {
  BIGINT,
  BLOB,
  BOOLEAN,
  blobValue,
  DOUBLE,
  type DuckDBType,
  type DuckDBValue,
  HUGEINT,
  SQLNULL,
  TIMESTAMP,
  timestampValue,
  VARCHAR,
} from '@duckdb/node-api';

/** A value that can be bound: integers as BIGINT, other numbers as DOUBLE, a Date as TIMESTAMP in UTC. */
export type Parameter = null | boolean | number | bigint | string | Date | Uint8Array;

/** Positional (`$1`, `$2`, …) or named (`$name`) parameters. */
export type Parameters = readonly Parameter[] | Readonly<Record<string, Parameter>>;

/** Values and types as DuckDB's client wants them. */
export interface BoundParameters {
  readonly values: DuckDBValue[] | Record<string, DuckDBValue>;
  readonly types: DuckDBType[] | Record<string, DuckDBType>;
}

/** Translates parameters; `undefined` when there are none. */
export function bindParameters(parameters: Parameters | undefined): BoundParameters | undefined {
  if (parameters === undefined) return undefined;
  if (Array.isArray(parameters)) {
    if (parameters.length === 0) return undefined;
    const bound = (parameters as readonly Parameter[]).map(bind);
    return { values: bound.map(([value]) => value), types: bound.map(([, type]) => type) };
  }
  const bound = Object.entries(parameters).map(([name, value]) => [name, bind(value as Parameter)] as const);
  if (bound.length === 0) return undefined;
  return {
    values: Object.fromEntries(bound.map(([name, [value]]) => [name, value])),
    types: Object.fromEntries(bound.map(([name, [, type]]) => [name, type])),
  };
}

function bind(value: Parameter): [DuckDBValue, DuckDBType] {
  if (value === null) return [null, SQLNULL];
  if (typeof value === 'boolean') return [value, BOOLEAN];
  if (typeof value === 'string') return [value, VARCHAR];
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? [BigInt(value), BIGINT] : [value, DOUBLE];
  if (typeof value === 'bigint') return [value, BigInt.asIntN(64, value) === value ? BIGINT : HUGEINT];
  if (value instanceof Uint8Array) return [blobValue(value), BLOB];
  return [timestampValue(BigInt(value.getTime()) * 1_000n), TIMESTAMP];
}
