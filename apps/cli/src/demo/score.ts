import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MillraceClient } from '@millrace/client';
import { isAppError, messageOf } from '@millrace/kernel';
import type { Flight } from './flights.ts';
import { departureMs, isLate, knownMs } from './flights.ts';

/** What became of some predictions. */
export interface ScoreCounts {
  sent: number;
  failed: number;
  /** Answers by name of model version. */
  byVersion: Record<string, number>;
  /** The first failure, for people. */
  firstFailure?: string;
}

const ENDPOINT = 'flight-delays';
const ENDPOINT_NAME = `workspaces/default/endpoints/${ENDPOINT}`;
/** Requests under way at a time. */
const CONCURRENCY = 16;
const LABELS_PER_CALL = 5000;

/** A flight with the id of its prediction. */
export interface Asked {
  readonly id: string;
  readonly flight: Flight;
}

/** Flights that are asked for in one request: row `i` has the prediction id `<id>/<i>`. */
interface Group {
  readonly id: string;
  readonly flights: readonly Flight[];
}

/** Flights that leave within this time are asked for together. */
const GROUP_MS = 1_800_000;

/** Puts a month's flights, in order of time, into requests by the half-hour; gives each flight the id of its prediction. */
export function askedOf(month: string, flights: readonly Flight[]): Asked[] {
  const asked: Asked[] = [];
  let slot = Number.NaN;
  let row = 0;
  for (const flight of flights) {
    const own = Math.floor(departureMs(flight) / GROUP_MS);
    row = own === slot ? row + 1 : 0;
    slot = own;
    asked.push({ id: `flights-${month}-${slot}/${row}`, flight });
  }
  return asked;
}

/** Asks for each flight, one request a flight, in order of time, a few at a time. */
export async function scoreAll(client: MillraceClient, asked: readonly Asked[]): Promise<ScoreCounts> {
  const counts: ScoreCounts = { sent: 0, failed: 0, byVersion: {} };
  const groups = groupsOf(asked);
  let next = 0;
  const worker = async () => {
    for (let group = groups[next++]; group; group = groups[next++]) await ask(client, group, true, counts);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return counts;
}

/** Asks for flights at a steady rate, without logging, until `signal` is aborted: the load under which versions are changed. */
export async function scoreSteadily(
  client: MillraceClient,
  flights: readonly Flight[],
  perSecond: number,
  signal: AbortSignal,
): Promise<ScoreCounts> {
  const counts: ScoreCounts = { sent: 0, failed: 0, byVersion: {} };
  const running = new Set<Promise<void>>();
  const begin = performance.now();
  for (let i = 0; !signal.aborted && flights.length > 0; i++) {
    const flight = flights[i % flights.length] as Flight;
    const call = ask(client, { id: `load-${i}`, flights: [flight] }, false, counts).finally(() => running.delete(call));
    running.add(call);
    const waitMs = begin + ((i + 1) * 1000) / perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    else if (running.size > CONCURRENCY) await Promise.race(running);
  }
  await Promise.all(running);
  return counts;
}

/** Tells the truth about flights, as soon as it is known. */
export async function recordTruth(client: MillraceClient, asked: readonly Asked[]): Promise<void> {
  for (let start = 0; start < asked.length; start += LABELS_PER_CALL)
    await client.monitoring.recordGroundTruth({
      endpoint: ENDPOINT_NAME,
      groundTruths: asked.slice(start, start + LABELS_PER_CALL).map(({ id, flight }) => ({
        predictionId: id,
        label: isLate(flight) ? 1 : 0,
        availableTime: timestampFromMs(knownMs(flight)),
      })),
    });
}

/** Adds what became of further predictions. */
export function addCounts(total: ScoreCounts, more: ScoreCounts): ScoreCounts {
  const byVersion = { ...total.byVersion };
  for (const [version, n] of Object.entries(more.byVersion)) byVersion[version] = (byVersion[version] ?? 0) + n;
  const firstFailure = total.firstFailure ?? more.firstFailure;
  return {
    sent: total.sent + more.sent,
    failed: total.failed + more.failed,
    byVersion,
    ...(firstFailure !== undefined && { firstFailure }),
  };
}

/** Flights of one request, by what stands before the slash of their prediction ids. */
function groupsOf(asked: readonly Asked[]): Group[] {
  const groups = new Map<string, Flight[]>();
  for (const { id, flight } of asked) {
    const group = id.slice(0, id.lastIndexOf('/'));
    const flights = groups.get(group) ?? [];
    flights.push(flight);
    groups.set(group, flights);
  }
  return [...groups].map(([id, flights]) => ({ id, flights }));
}

/** One request with the raw columns of some flights; their airports are also the keys by which features are looked up. */
async function ask(
  client: MillraceClient,
  { id, flights }: Group,
  isLogged: boolean,
  counts: ScoreCounts,
): Promise<void> {
  const encoder = new TextEncoder();
  const texts = (of: (flight: Flight) => string) => ({
    bytesContents: flights.map((flight) => encoder.encode(of(flight))),
  });
  const tensor = (name: string, datatype: string, contents: object) => ({
    name,
    datatype,
    shape: [BigInt(flights.length), 1n],
    contents,
  });
  counts.sent += flights.length;
  try {
    const answer = await client.inference.modelInfer({
      modelName: ENDPOINT,
      // A single row keeps the request's id; several get their number behind it.
      id: flights.length === 1 ? `${id}/0` : id,
      inputs: [
        tensor(
          'date',
          'BYTES',
          texts((flight) => new Date(departureMs(flight)).toISOString()),
        ),
        tensor('distance', 'INT64', { int64Contents: flights.map((flight) => BigInt(flight.distance)) }),
        tensor(
          'origin',
          'BYTES',
          texts((flight) => flight.origin),
        ),
        tensor(
          'destination',
          'BYTES',
          texts((flight) => flight.destination),
        ),
      ],
      ...(!isLogged && { parameters: { log: { parameterChoice: { case: 'boolParam' as const, value: false } } } }),
    });
    const named = answer.parameters.model_version_name?.parameterChoice;
    const version = named?.case === 'stringParam' ? named.value : answer.modelVersion;
    counts.byVersion[version] = (counts.byVersion[version] ?? 0) + flights.length;
  } catch (error) {
    counts.failed += flights.length;
    counts.firstFailure ??= isAppError(error) ? `${error.code} ${error.reason}: ${error.message}` : messageOf(error);
  }
}
