import type { MillraceClient } from '@millrace/client';

/** A flight, as the dataset has it. */
export interface Flight {
  /** Scheduled departure, `2001-04-01 06:30:00`, UTC. */
  readonly date: string;
  /** Minutes late. */
  readonly delay: number;
  /** Miles. */
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

/** Flights of a stretch of time from a published dataset, in order of time: a seeded sample of at most `rows`. */
export async function sampleFlights(
  client: MillraceClient,
  stretch: { start: string; end: string; rows: number; seed: number },
): Promise<Flight[]> {
  const { start, end, rows, seed } = stretch;
  const sql = `
    select strftime(date, '%Y-%m-%d %H:%M:%S') as date, delay, distance, origin, destination from (
      select * from flights where date >= timestamp '${sqlTime(start)}' and date < timestamp '${sqlTime(end)}'
      order by hash(date, origin, destination, distance, delay, ${seed}) limit ${rows})
    order by date, origin, destination, distance, delay`;
  const flights: Flight[] = [];
  for await (const chunk of client.ingestion.queryDatasets({
    parent: 'workspaces/default',
    sql,
    datasets: { flights: 'workspaces/default/datasets/flights' },
    rowsMax: BigInt(rows),
  }))
    for (const row of chunk.rowsJson) {
      const [date, delay, distance, origin, destination] = JSON.parse(row) as [string, number, number, string, string];
      flights.push({ date, delay: Number(delay), distance: Number(distance), origin, destination });
    }
  return flights;
}

/** When a flight is due to leave, in milliseconds since 1970. */
export function departureMs(flight: Flight): number {
  return Date.parse(`${flight.date.replace(' ', 'T')}Z`);
}

/** When a flight's delay became known, in milliseconds since 1970. */
export function knownMs(flight: Flight): number {
  return departureMs(flight) + Math.max(flight.delay, 0) * 60_000;
}

/** The question of the example: 15 minutes or more. */
export function isLate(flight: Flight): boolean {
  return flight.delay >= 15;
}

function sqlTime(time: string): string {
  return time.replace('T', ' ').replace('Z', '');
}
