import { writeFile } from 'node:fs/promises';
import { createRng, shuffle } from '@millrace/kernel';
import type { Flight } from './flights.ts';

/** The ways in which a delivery is broken. */
const BREAKS = [
  'null-origin',
  'unknown-airport',
  'kilometres',
  'absurd-delay',
  'duplicate',
  'text-for-number',
] as const;

/** One of them. */
export type Break = (typeof BREAKS)[number];

/** A delivery file and what is wrong with it. */
export interface Delivery {
  readonly path: string;
  readonly rows: number;
  /** Broken rows by kind. */
  readonly broken: Readonly<Record<Break, number>>;
  /** The right row for each broken line that has one, by what the line says (see `lineKey`). */
  readonly corrections: ReadonlyMap<string, Flight>;
}

/** Flights longer than this, in miles, are implausible in kilometres too: a row rule can see the mistake. */
const KILOMETRES_FROM_MILES = 1750;
/** Airports whose flights may be that long. */
const FAR = new Set(
  'ANC FAI JNU KTN SIT WRG PSG YAK CDV BET OME OTZ BRW SCC ADQ AKN DLG DUT GST HNL OGG LIH KOA ITO SJU BQN STT STX'.split(
    ' ',
  ),
);

/**
 * Writes flights as CSV, a seeded share of the rows broken in six ways in turn. A conversion that stays within the
 * plausible range cannot be seen by a rule about one row, so kilometres are put only where they are seen.
 */
export async function writeDelivery(
  path: string,
  flights: readonly Flight[],
  share: number,
  seed: number,
): Promise<Delivery> {
  const rng = createRng(seed).fork('delivery');
  const broken: Record<Break, number> = {
    'null-origin': 0,
    'unknown-airport': 0,
    kilometres: 0,
    'absurd-delay': 0,
    duplicate: 0,
    'text-for-number': 0,
  };
  const corrections = new Map<string, Flight>();
  const chosen = new Set(shuffle([...flights.keys()], rng).slice(0, Math.round(flights.length * share)));
  const lines: string[] = ['date,delay,distance,origin,destination'];
  let turn = 0;
  for (const [i, flight] of flights.entries()) {
    if (!chosen.has(i)) {
      lines.push(csvLine(cells(flight)));
      continue;
    }
    const way = wayFor(BREAKS[turn++ % BREAKS.length] as Break, flight);
    broken[way] += 1;
    if (way === 'duplicate') lines.push(csvLine(cells(flight)), csvLine(cells(flight)));
    else {
      const wrong = breakCells(cells(flight), way, i);
      lines.push(csvLine(wrong));
      corrections.set(wrong.join('|'), flight);
    }
  }
  await writeFile(path, `${lines.join('\n')}\n`);
  return { path, rows: lines.length - 1, broken, corrections };
}

/** What a broken line says, by which its dead letter is found again. `null` and the empty text are alike. */
export function lineKey(row: Readonly<Record<string, unknown>>): string {
  return ['date', 'delay', 'distance', 'origin', 'destination'].map((name) => String(row[name] ?? '')).join('|');
}

/** The row as the dataset wants it. */
export function rowJson(flight: Flight): string {
  return JSON.stringify(flight);
}

function wayFor(way: Break, flight: Flight): Break {
  const isSeen = flight.distance >= KILOMETRES_FROM_MILES && !FAR.has(flight.origin) && !FAR.has(flight.destination);
  return way === 'kilometres' && !isSeen ? 'absurd-delay' : way;
}

type Cells = readonly [date: string, delay: string, distance: string, origin: string, destination: string];

function cells({ date, delay, distance, origin, destination }: Flight): Cells {
  return [date, String(delay), String(distance), origin, destination];
}

function breakCells([date, delay, distance, origin, destination]: Cells, way: Break, row: number): Cells {
  switch (way) {
    case 'null-origin':
      return [date, delay, distance, '', destination];
    case 'unknown-airport':
      return [date, delay, distance, origin, `X${String(row % 100).padStart(2, '0')}`];
    case 'kilometres':
      return [date, delay, String(Math.round(Number(distance) * 1.609344)), origin, destination];
    case 'text-for-number':
      return [date, `${delay} min`, distance, origin, destination];
    default:
      return [date, '99999', distance, origin, destination];
  }
}

const csvLine = (values: Cells) => values.join(',');
