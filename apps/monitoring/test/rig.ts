import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { MonitorRun, MonitorSchema } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import type { ModelVersionSchema } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import type { PredictionLogFileSchema } from '@millrace/contracts/millrace/serving/v1/endpoint';
import { PredictionsLoggedSchema } from '@millrace/contracts/millrace/serving/v1/serving_events';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { emitEvent, eventsMigrations, type Running } from '@millrace/events';
import { createRng, notFound, type Rng } from '@millrace/kernel';
import { migrate } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import { createProfiler, profileToJson } from '@millrace/profiles';
import { implement } from '@millrace/rpc';
import { createTestPlatform } from '@millrace/testing';
import { createMonitoringModule, monitoringConfigSchema } from '../src/module.ts';

export const WORKSPACE = 'workspaces/default';
export const ENDPOINT = `${WORKSPACE}/endpoints/flights`;
export const V1 = `${WORKSPACE}/registeredModels/flights/versions/1`;
export const V2 = `${WORKSPACE}/registeredModels/flights/versions/2`;
export const DAY_MS = 86_400_000;

/** A logged prediction. */
export interface LoggedRow {
  readonly id: string;
  readonly eventTime: Date;
  readonly requestTime?: Date;
  readonly version?: string;
  readonly distance: number | null;
  readonly lateRate: number;
  readonly origin: string;
  readonly prediction: number;
}

/** The moment `hours` after the first day of the tests. */
export function at(hours: number): Date {
  return new Date(Date.UTC(2001, 3, 1) + hours * 3_600_000);
}

/** Rows of one distribution: distances of 100 to 2,000 miles, three origins; `shift` moves distance and the rate. */
export function drawRows(
  rng: Rng,
  count: number,
  options: { prefix: string; startHour: number; hours: number; shift?: number; version?: string },
): LoggedRow[] {
  const { prefix, startHour, hours, shift = 0, version = V1 } = options;
  return Array.from({ length: count }, (_, i) => {
    const lateRate = 0.1 + 0.2 * rng.next() + shift * 0.2;
    return {
      id: `${prefix}-${i}`,
      eventTime: at(startHour + (hours * i) / count),
      version,
      distance: Math.fround(100 + 1900 * rng.next() + shift * 1500),
      lateRate: Math.fround(lateRate),
      origin: ['JFK', 'ORD', 'LAX'][Math.floor(rng.next() * 3)] as string,
      prediction: Math.fround(Math.min(0.95, Math.max(0.05, lateRate + 0.6 * (rng.next() - 0.4)))),
    };
  });
}

type MonitorRest = Omit<Exclude<MessageInitShape<typeof MonitorSchema>, { $typeName: string }>, '$typeName'>;

/** Monitoring as a test has it. */
export type Rig = Awaited<ReturnType<typeof startRig>>;

/** Starts monitoring, with the services that it calls played by the test. */
export async function startRig() {
  const files: MessageInitShape<typeof PredictionLogFileSchema>[] = [];
  const versions = new Map<string, MessageInitShape<typeof ModelVersionSchema>>();
  const hooks = { onVersion: async (): Promise<void> => {} };
  const test = await createTestPlatform({
    modules: (platform) => [createMonitoringModule({ config: monitoringConfigSchema.parse({}), platform })],
    fakes: [
      implement(RegistryService, {
        async getModelVersion({ name }) {
          await hooks.onVersion();
          const modelVersion = versions.get(name);
          if (!modelVersion) throw notFound('ModelVersion', name);
          return { modelVersion };
        },
      }),
      implement(ServingService, {
        getEndpoint({ name }) {
          if (name !== ENDPOINT) throw notFound('Endpoint', name);
          return { endpoint: { name } };
        },
        listPredictionLogFiles: ({ parent }) => ({ files: files.filter(({ endpoint }) => endpoint === parent) }),
      }),
    ],
  });
  const monitoring = test.client(MonitoringService);
  return {
    test,
    monitoring,
    files,
    versions,
    hooks,
    /** Writes rows as a log file in the blob store and gives its description. */
    writeLog: (rows: readonly LoggedRow[]) => writeLog(test.platform, rows, files.length + 1),
    /** Registers a version with the profile of training rows. */
    async register(name: string, rows: readonly LoggedRow[], metrics: Record<string, number>, output = 'probability') {
      const { digest, sizeBytes } = await storeProfile(test.platform, rows);
      const profile = { digest, sizeBytes: BigInt(sizeBytes) };
      versions.set(name, { name, profile, metrics, signature: { outputs: [{ name: output }] } });
    },
    /** Runs a window to its end. */
    async judge(monitor: string, start: Date, end: Date): Promise<MonitorRun> {
      const { monitorRun } = await monitoring.createMonitorRun({
        monitor,
        windowStart: timestampFromDate(start),
        windowEnd: timestampFromDate(end),
      });
      return ended(monitoring.watchMonitorRun({ name: monitorRun?.name ?? '' }));
    },
    stop: () => test.stop(),
  };
}

/** The last message of a watch; fails when the run has not succeeded. */
export async function ended(stream: AsyncIterable<{ monitorRun?: MonitorRun | undefined }>): Promise<MonitorRun> {
  let last: MonitorRun | undefined;
  for await (const { monitorRun } of stream) last = monitorRun;
  if (last?.execution?.state !== JobState.SUCCEEDED)
    throw new Error(`run ended as ${JSON.stringify(last?.execution?.failure)}`);
  return last;
}

/** A monitor with small numbers, to be changed by the test. */
export function monitor(id: string, rest: MonitorRest = {}): MessageInitShape<typeof MonitorSchema> {
  return {
    name: `${WORKSPACE}/monitors/${id}`,
    endpoint: ENDPOINT,
    window: { seconds: 86_400n },
    rowsMin: 100n,
    ...rest,
  };
}

async function storeProfile(platform: Platform, rows: readonly LoggedRow[]) {
  const profiler = createProfiler([
    { name: 'distance', type: 'number' },
    { name: 'late_rate', type: 'number' },
    { name: 'origin', type: 'string' },
    { name: 'prediction', type: 'number' },
  ]);
  for (const { distance, lateRate, origin, prediction } of rows)
    profiler.add({ distance, late_rate: lateRate, origin, prediction });
  return platform.blobs.put(new TextEncoder().encode(profileToJson(profiler.finish())));
}

async function writeLog(
  platform: Platform,
  rows: readonly LoggedRow[],
  sequence: number,
): Promise<MessageInitShape<typeof PredictionLogFileSchema>> {
  const json = rows.map(({ id, eventTime, requestTime, version = V1, distance, lateRate, origin, prediction }) => ({
    id,
    e: eventTime.getTime(),
    r: (requestTime ?? eventTime).getTime(),
    version,
    distance,
    lateRate,
    origin,
    prediction,
  }));
  const { files } = await platform.tables.withConnection(async (connection) => {
    await connection.run('create temp table logged (j json)');
    for (let i = 0; i < json.length; i += 5000)
      await connection.run('insert into logged select unnest(json($1)::json[])', [
        JSON.stringify(json.slice(i, i + 5000)),
      ]);
    return platform.tables.writeParquet({
      connection,
      sql: `select j->>'id' as prediction_id, make_timestamp((j->>'e')::bigint * 1000) as event_time,
        make_timestamp((j->>'r')::bigint * 1000) as request_time, j->>'version' as model_version,
        100::bigint as latency_us, (j->>'distance')::float as distance, (j->>'lateRate')::float as late_rate,
        j->>'origin' as origin, (j->>'prediction')::float as prediction from logged`,
    });
  });
  const times = rows.map(({ eventTime }) => eventTime.getTime());
  return {
    endpoint: ENDPOINT,
    digest: files[0]?.digest ?? '',
    rows: BigInt(rows.length),
    startTime: timestampFromDate(new Date(Math.min(...times))),
    endTime: timestampFromDate(new Date(Math.max(...times))),
    rowsByVersion: { [V1]: BigInt(rows.length) },
    sequence: BigInt(sequence),
  };
}

/** Labels drawn by the predictions themselves: what a calibrated model would see. */
export function drawLabels(rows: readonly LoggedRow[], seed: number): { predictionId: string; label: number }[] {
  const rng = createRng(seed);
  return rows.map(({ id, prediction }) => ({ predictionId: id, label: rng.next() < prediction ? 1 : 0 }));
}

/** Publishes the event that serving emits for a file, from an outbox of the test's own. */
export async function startFakeServing(platform: Platform) {
  const database = platform.database('serving');
  await migrate(database, [eventsMigrations]);
  const relay: Running = await platform.bus.startRelay(database, 'serving');
  return {
    publish: (file: MessageInitShape<typeof PredictionLogFileSchema>) =>
      database.withTransaction((tx) =>
        emitEvent(tx, {
          subject: 'millrace.serving.v1.predictions.logged',
          resource: ENDPOINT,
          schema: PredictionsLoggedSchema,
          message: { file },
        }),
      ),
    stop: () => relay.stop(),
  };
}
