const LEVELS = '▁▂▃▄▅▆▇█';
const EIGHTHS = ' ▏▎▍▌▋▊▉█';

/** A line of small bars for values; missing values are spaces. Longer series are averaged down to `width`. */
export function sparkline(values: readonly (number | undefined)[], width = values.length): string {
  const points = values.length > width ? resample(values, width) : values;
  const known = points.filter(isFiniteNumber);
  const low = known.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = known.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return points
    .map((value) => {
      if (!isFiniteNumber(value)) return ' ';
      const share = high > low ? (value - low) / (high - low) : 0.5;
      return LEVELS[Math.round(share * (LEVELS.length - 1))];
    })
    .join('');
}

/** A horizontal bar of `width` characters of which `share` (0 to 1) is filled, to an eighth of a character. */
export function bar(share: number, width: number, empty = ' '): string {
  const clamped = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
  const eighths = Math.round(clamped * width * 8);
  const full = Math.floor(eighths / 8);
  const rest = eighths % 8;
  const part = rest > 0 ? (EIGHTHS[rest] as string) : '';
  return '█'.repeat(full) + part + empty.repeat(width - full - part.length);
}

/** A column of a chart: `height` characters from top to bottom, of which `share` (0 to 1) is filled from below. */
export function column(share: number, height: number): string[] {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * height * 8);
  return Array.from({ length: height }, (_, row) => {
    const filled = Math.min(8, Math.max(0, eighths - (height - 1 - row) * 8));
    return filled === 0 ? ' ' : (LEVELS[filled - 1] as string);
  });
}

function resample(values: readonly (number | undefined)[], width: number): (number | undefined)[] {
  return Array.from({ length: width }, (_, i) => {
    const from = Math.floor((i * values.length) / width);
    const slice = values.slice(from, Math.max(from + 1, Math.floor(((i + 1) * values.length) / width)));
    const known = slice.filter(isFiniteNumber);
    return known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : undefined;
  });
}

function isFiniteNumber(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}
