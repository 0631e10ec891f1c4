/** How figures are written for people: short, with the digits that matter. Everything is pure and has no locale. */

/** A whole number with `,` between thousands: `1,234,567`. */
export function count(value: number | bigint): string {
  return String(typeof value === 'number' ? Math.round(value) : value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A number in at most about six characters: `0.712`, `12.3`, `1.2k`, `3.4M`; `–` for what is not a number. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : value > 0 ? '∞' : '-∞';
  const size = Math.abs(value);
  if (size >= 999_500) return size >= 999_500_000 ? `${trim(value / 1e9, 3)}G` : `${trim(value / 1e6, 3)}M`;
  if (size >= 9999.5) return `${trim(value / 1e3, 3)}k`;
  if (Number.isInteger(value)) return String(value);
  if (size > 0 && size < 0.001) return value.toExponential(1);
  return trim(value, size >= 1 ? 4 : 3);
}

/** A metric with four digits after the point. */
export function metric(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return short(value);
  return Math.abs(value) > 0 && Math.abs(value) < 0.0001 ? value.toExponential(1) : value.toFixed(4);
}

/** A share, 0 to 1, as `12.3 %`. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const value = share * 100;
  if (value > 0 && value < 0.05) return '<0.1 %';
  return `${value >= 99.95 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
}

/** Bytes with binary units: `512 B`, `1.5 MiB`. */
export function bytes(value: number | bigint): string {
  let size = Number(value);
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (size < 1023.5) return `${unit === 'B' ? size : trim(size, 3)} ${unit}`;
    size /= 1024;
  }
  return `${trim(size, 3)} TiB`;
}

/** A span in milliseconds: `12 µs`, `340 ms`, `1.2 s`, `3m 05s`, `2h 04m`, `3d 4h`. */
export function duration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return '–';
  if (milliseconds < 0) return `-${duration(-milliseconds)}`;
  if (milliseconds === 0) return '0 ms';
  if (milliseconds < 0.9995) return `${trim(milliseconds * 1000, 3)} µs`;
  if (milliseconds < 999.5) return `${trim(milliseconds, 3)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${trim(seconds, 3)} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86_400)}d ${Math.floor((whole % 86_400) / 3600)}h`;
}

/** A span as people set it, in milliseconds: `7d`, `1h`, `15m`, `90s`. */
export function span(milliseconds: number): string {
  for (const [unit, length] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
  ] as const)
    if (milliseconds > 0 && milliseconds % length === 0) return `${milliseconds / length}${unit}`;
  return `${milliseconds / 1000}s`;
}

/** Something per second: `1.2M/s`; empty when nothing or no time is known. */
export function rate(amount: number, milliseconds: number): string {
  return amount > 0 && milliseconds > 0 ? `${short(Math.round((amount * 1000) / milliseconds))}/s` : '';
}

/** A moment in UTC to the second, `2001-04-01 00:00:00`; without the time of day at midnight. */
export function moment(date: Date | undefined): string {
  if (!date || Number.isNaN(date.getTime())) return '–';
  const [day, time] = date.toISOString().slice(0, 19).split('T') as [string, string];
  return time === '00:00:00' ? day : `${day} ${time}`;
}

/** How long ago: `12 s ago`. */
export function ago(date: Date | undefined, now: Date): string {
  return date ? `${duration(Math.max(0, now.getTime() - date.getTime()))} ago` : '–';
}

/** This many significant digits, without trailing zeros. */
function trim(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}
