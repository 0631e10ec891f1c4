/** Maps a number of the domain to one of the range; a domain of one value maps to the middle of the range. */
export type Scale = (value: number) => number;

/** A linear scale; values outside the domain are held at its ends, so that nothing is drawn outside the plot. */
export function linearScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const span = domain[1] - domain[0];
  return (value) => {
    const share = span === 0 ? 0.5 : Math.min(1, Math.max(0, (value - domain[0]) / span));
    return range[0] + share * (range[1] - range[0]);
  };
}

/** A mark on an axis. */
export type Tick = { readonly at: number; readonly label: string };

/** Round numbers between two values, about `wanted` of them, at steps of 1, 2 or 5 times a power of ten. */
export function roundValues(low: number, high: number, wanted: number): number[] {
  const step = roundStep((high - low) / Math.max(1, wanted));
  if (!(step > 0) || !Number.isFinite(step)) return [low];
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.min(50, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/** The least domain with round ends that holds all values; `zero` makes it begin at 0. */
export function roundDomain(values: readonly number[], wanted: number, zero = false): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  if (zero) low = Math.min(0, low);
  if (low === high) {
    const room = Math.abs(low) * 0.1 || 1;
    [low, high] = [zero && low === 0 ? 0 : low - room, high + room];
  }
  const step = roundStep((high - low) / Math.max(1, wanted));
  const ends = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step] as const;
  return [Number(ends[0].toPrecision(12)), Number(ends[1].toPrecision(12))];
}

/** Marks for a time axis between two instants (ms since 1970): months, or days at even steps, all in UTC. */
export function timeTicks(start: number, end: number, wanted: number): Tick[] {
  const days = (end - start) / DAY_MS;
  return days > 62 ? monthTicks(start, end, wanted) : dayTicks(start, end, days, wanted);
}

/** Decimals that tell apart the marks of an axis whose neighbours are `step` apart. */
export function decimalsOf(step: number): number {
  return Math.max(0, Math.min(6, Math.ceil(-Math.log10(Math.abs(step) || 1) - 1e-9)));
}

const DAY_MS = 86_400_000;
const MONTH = new Intl.DateTimeFormat('en-GB', { month: 'short', timeZone: 'UTC' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const lead = raw / power;
  return power * (lead <= 1.0001 ? 1 : lead <= 2.0001 ? 2 : lead <= 5.0001 ? 5 : 10);
}

function monthTicks(start: number, end: number, wanted: number): Tick[] {
  const first = new Date(start);
  const every = Math.max(1, Math.ceil((end - start) / (30.4 * DAY_MS) / wanted));
  const ticks: Tick[] = [];
  for (let step = 0; ticks.length < 60; step += every) {
    const at = Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + step, 1);
    if (at > end) break;
    const january = new Date(at).getUTCMonth() === 0;
    if (at >= start) ticks.push({ at, label: MONTH.format(at) + (january ? ` ${new Date(at).getUTCFullYear()}` : '') });
  }
  return ticks;
}

function dayTicks(start: number, end: number, days: number, wanted: number): Tick[] {
  const every = [1, 2, 7, 14, 28].find((step) => days / step <= wanted) ?? 28;
  const ticks: Tick[] = [];
  for (let at = Math.ceil(start / DAY_MS) * DAY_MS; at <= end && ticks.length < 70; at += every * DAY_MS) {
    ticks.push({ at, label: DAY.format(at) });
  }
  return ticks;
}
