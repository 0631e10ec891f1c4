import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';

/** Microseconds of a protobuf timestamp since 1970-01-01T00:00:00Z; smaller parts are cut off. */
export function microsOf(time: Timestamp): bigint {
  return time.seconds * 1_000_000n + BigInt(Math.floor(time.nanos / 1000));
}

/** The protobuf timestamp of microseconds since 1970-01-01T00:00:00Z. */
export function timestampOf(micros: bigint): { seconds: bigint; nanos: number } {
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return { seconds: (micros - rest) / 1_000_000n, nanos: Number(rest) * 1000 };
}

/** Microseconds of a protobuf duration; smaller parts are cut off. */
export function durationMicros(duration: Duration): bigint {
  return duration.seconds * 1_000_000n + BigInt(Math.trunc(duration.nanos / 1000));
}

const UNITS: readonly (readonly [string, bigint])[] = [
  ['d', 86_400_000_000n],
  ['h', 3_600_000_000n],
  ['m', 60_000_000n],
  ['s', 1_000_000n],
  ['ms', 1000n],
];

/** A duration in the form of `libs/features`, in the greatest unit that holds it whole: `28d`, `90m`. */
export function durationText(micros: bigint): string {
  const [unit, size] = UNITS.find(([, s]) => micros % s === 0n) ?? ['us', 1n];
  return `${micros / size}${unit}`;
}
