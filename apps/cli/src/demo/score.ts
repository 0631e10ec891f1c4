import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MillraceClient } from '@millrace/client';
import { isAppError, messageOf } from '@millrace/kernel';
import type { Flight } from './flights.ts';
import { isLate, knownMs } from './flights.ts';

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

/** Asks for each flight, one request a flight, in order of time, a few at a time. */
export async function scoreAll(client: MillraceClient, asked: readonly Asked[]): Promise<ScoreCounts> {
  const counts: ScoreCounts = { sent: 0, failed: 0, byVersion: {} };
  let next = 0;
  const worker = async () => {
    for (let item = asked[next++]; item; item = asked[next++]) await scoreOne(client, item, true, counts);
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
    const call = scoreOne(client, { id: `load-${i}`, flight }, false, counts).finally(() => running.delete(call));
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

/** One request with the raw columns of one flight; its airports are also the keys by which features are looked up. */
async function scoreOne(
  client: MillraceClient,
  { id, flight }: Asked,
  isLogged: boolean,
  counts: ScoreCounts,
): Promise<void> {
  const text = (value: string) => ({ bytesContents: [new TextEncoder().encode(value)] });
  const tensor = (name: string, datatype: string, contents: object) => ({ name, datatype, shape: [1n, 1n], contents });
  counts.sent += 1;
  try {
    const answer = await client.inference.modelInfer({
      modelName: ENDPOINT,
      id,
      inputs: [
        tensor('date', 'BYTES', text(`${flight.date.replace(' ', 'T')}Z`)),
        tensor('distance', 'INT64', { int64Contents: [BigInt(flight.distance)] }),
        tensor('origin', 'BYTES', text(flight.origin)),
        tensor('destination', 'BYTES', text(flight.destination)),
      ],
      ...(!isLogged && { parameters: { log: { parameterChoice: { case: 'boolParam' as const, value: false } } } }),
    });
    const named = answer.parameters.model_version_name?.parameterChoice;
    const version = named?.case === 'stringParam' ? named.value : answer.modelVersion;
    counts.byVersion[version] = (counts.byVersion[version] ?? 0) + 1;
  } catch (error) {
    counts.failed += 1;
    counts.firstFailure ??= isAppError(error) ? `${error.code} ${error.reason}: ${error.message}` : messageOf(error);
  }
}
