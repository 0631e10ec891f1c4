import { invalidArgument } from '@millrace/kernel';
import { hashNumber, hashText } from './hash.ts';
import { addToRegisters, createRegisters, encodeHyperLogLog } from './hyperloglog.ts';
import type { CategoricalProfile, ColumnProfile, ColumnSchema, NumericProfile, TimestampProfile } from './model.ts';
import { MomentsBuilder } from './moments.ts';
import { hourIndex, linearSketch, logGamma, logIndex, logSketch, smallestMagnitude } from './quantile-sketch.ts';
import { TopValuesCounter } from './top-values.ts';

/** Collects one column. Values are null or undefined for missing ones. */
export interface ColumnBuilder {
  add(value: unknown): void;
  readonly count: number;
  finish(): ColumnProfile;
}

/** Sizes of the sketches, all filled in. */
export interface BuilderOptions {
  readonly relativeAccuracy: number;
  readonly topValuesMax: number;
}

/** The builder that fits the column's type. */
export function createColumnBuilder(schema: ColumnSchema, options: BuilderOptions): ColumnBuilder {
  if (schema.type === 'timestamp') return new TimestampBuilder(schema.name);
  if (schema.type === 'string' || schema.type === 'boolean') {
    return new CategoricalBuilder(schema.name, schema.type, options);
  }
  return new NumericBuilder(schema.name, schema.type, options);
}

class NumericBuilder implements ColumnBuilder {
  count = 0;
  readonly #name: string;
  readonly #type: 'integer' | 'number';
  readonly #accuracy: number;
  readonly #logOfGamma: number;
  readonly #moments = new MomentsBuilder();
  readonly #registers = createRegisters();
  readonly #positive = new Map<number, number>();
  readonly #negative = new Map<number, number>();
  #nulls = 0;
  #nans = 0;
  #positiveInfinities = 0;
  #negativeInfinities = 0;
  #min = Infinity;
  #max = -Infinity;
  #zeros = 0;
  #negatives = 0;
  #sketchZeros = 0;

  constructor(name: string, type: 'integer' | 'number', options: BuilderOptions) {
    this.#name = name;
    this.#type = type;
    this.#accuracy = options.relativeAccuracy;
    this.#logOfGamma = logGamma(options.relativeAccuracy);
  }

  add(value: unknown): void {
    if (value === null || value === undefined) {
      this.count++;
      this.#nulls++;
      return;
    }
    if (typeof value !== 'number' && typeof value !== 'bigint') throw wrongType(this.#name, this.#type, value);
    this.count++;
    // Adding zero turns -0 into 0.
    const x = Number(value) + 0;
    if (Number.isFinite(x)) this.#addFinite(x);
    else if (Number.isNaN(x)) this.#nans++;
    else if (x > 0) this.#positiveInfinities++;
    else this.#negativeInfinities++;
  }

  #addFinite(x: number): void {
    if (x < this.#min) this.#min = x;
    if (x > this.#max) this.#max = x;
    if (x === 0) this.#zeros++;
    else if (x < 0) this.#negatives++;
    this.#moments.add(x);
    addToRegisters(this.#registers, hashNumber(x));
    const magnitude = Math.abs(x);
    if (magnitude < smallestMagnitude) {
      this.#sketchZeros++;
      return;
    }
    increment(x > 0 ? this.#positive : this.#negative, logIndex(magnitude, this.#logOfGamma));
  }

  finish(): NumericProfile {
    const some = this.#max >= this.#min;
    return {
      kind: 'numeric',
      name: this.#name,
      type: this.#type,
      count: this.count,
      nulls: this.#nulls,
      nans: this.#nans,
      positiveInfinities: this.#positiveInfinities,
      negativeInfinities: this.#negativeInfinities,
      min: some ? this.#min : null,
      max: some ? this.#max : null,
      zeros: this.#zeros,
      negatives: this.#negatives,
      moments: this.#moments.finish(),
      distinct: encodeHyperLogLog(this.#registers),
      quantiles: logSketch(this.#accuracy, this.#sketchZeros, this.#negative, this.#positive),
    };
  }
}

class TimestampBuilder implements ColumnBuilder {
  count = 0;
  readonly #name: string;
  readonly #moments = new MomentsBuilder();
  readonly #registers = createRegisters();
  readonly #hours = new Map<number, number>();
  #nulls = 0;
  #min = Infinity;
  #max = -Infinity;

  constructor(name: string) {
    this.#name = name;
  }

  add(value: unknown): void {
    if (value === null || value === undefined) {
      this.count++;
      this.#nulls++;
      return;
    }
    const time = epochMs(this.#name, value);
    this.count++;
    if (time < this.#min) this.#min = time;
    if (time > this.#max) this.#max = time;
    this.#moments.add(time);
    addToRegisters(this.#registers, hashNumber(time));
    increment(this.#hours, hourIndex(time));
  }

  finish(): TimestampProfile {
    const some = this.#max >= this.#min;
    return {
      kind: 'timestamp',
      name: this.#name,
      type: 'timestamp',
      count: this.count,
      nulls: this.#nulls,
      min: some ? this.#min : null,
      max: some ? this.#max : null,
      moments: this.#moments.finish(),
      distinct: encodeHyperLogLog(this.#registers),
      quantiles: linearSketch(this.#hours),
    };
  }
}

class CategoricalBuilder implements ColumnBuilder {
  count = 0;
  readonly #name: string;
  readonly #type: 'string' | 'boolean';
  readonly #registers = createRegisters();
  readonly #top: TopValuesCounter;
  #nulls = 0;
  #lengthMin = Infinity;
  #lengthMax = -Infinity;
  #lengthTotal = 0;

  constructor(name: string, type: 'string' | 'boolean', options: BuilderOptions) {
    this.#name = name;
    this.#type = type;
    this.#top = new TopValuesCounter(options.topValuesMax);
  }

  add(value: unknown): void {
    if (value === null || value === undefined) {
      this.count++;
      this.#nulls++;
      return;
    }
    if (typeof value !== this.#type) throw wrongType(this.#name, this.#type, value);
    this.count++;
    const text = String(value);
    const length = codePoints(text);
    if (length < this.#lengthMin) this.#lengthMin = length;
    if (length > this.#lengthMax) this.#lengthMax = length;
    this.#lengthTotal += length;
    if (this.#top.add(text)) addToRegisters(this.#registers, hashText(text));
  }

  finish(): CategoricalProfile {
    const some = this.count > this.#nulls;
    return {
      kind: 'categorical',
      name: this.#name,
      type: this.#type,
      count: this.count,
      nulls: this.#nulls,
      lengths: some ? { min: this.#lengthMin, max: this.#lengthMax, total: this.#lengthTotal } : null,
      distinct: encodeHyperLogLog(this.#registers),
      top: this.#top.finish(),
    };
  }
}

/** Epoch milliseconds of a Date, a number of milliseconds, or an ISO 8601 text; fractions are dropped. */
function epochMs(column: string, value: unknown): number {
  const time =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'string'
        ? Date.parse(value)
        : typeof value === 'number' || typeof value === 'bigint'
          ? Number(value)
          : Number.NaN;
  if (!Number.isFinite(time)) throw wrongType(column, 'timestamp', value);
  return Math.floor(time) + 0;
}

function wrongType(column: string, type: string, value: unknown): Error {
  return invalidArgument('PROFILE_VALUE_TYPE', [
    {
      field: column,
      description: `${typeof value} ${String(value).slice(0, 80)} is no ${type}; convert it or pass null before profiling`,
    },
  ]);
}

function increment(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function codePoints(text: string): number {
  let pairs = 0;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) pairs++;
  }
  return text.length - pairs;
}
