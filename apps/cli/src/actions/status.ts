import { Health, HealthCheckResponse_ServingStatus as Serving } from '@millrace/contracts/grpc/health/v1/health';
import { isAppError, messageOf } from '@millrace/kernel';
import { createChannel, createClient } from '@millrace/rpc';
import { createTelemetry } from '@millrace/telemetry';
import { EXIT } from '../exit-codes.ts';
import { details } from '../render/details.ts';
import { ago, count } from '../render/format.ts';
import { idOf, shortName } from '../resource.ts';
import type { PlatformAddress, Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';
import { readEventFigures } from './event-figures.ts';
import type { JobCounts } from './job-counts.ts';
import { countJobs } from './job-counts.ts';

/** Services as the health check names them. */
const SERVICES: Readonly<Record<string, string>> = {
  ingestion: 'millrace.ingestion.v1.IngestionService',
  validation: 'millrace.validation.v1.ValidationService',
  'feature-store': 'millrace.featurestore.v1.FeatureStoreService',
  training: 'millrace.training.v1.TrainingService',
  registry: 'millrace.registry.v1.RegistryService',
  serving: 'millrace.serving.v1.ServingService',
  monitoring: 'millrace.monitoring.v1.MonitoringService',
  orchestrator: 'millrace.orchestrator.v1.OrchestratorService',
};

interface Health1 {
  readonly service: string;
  /** SERVING, NOT_SERVING, UNKNOWN (no such service), or the code of the error. */
  readonly state: string;
}

interface EndpointRow {
  readonly endpoint: string;
  readonly modelVersion: string;
  readonly state: string;
}

/** `status`: exit code 1 when a service or an endpoint does not serve, 5 when the platform cannot be reached. */
export const status: Action = async (session) => {
  const platform = await session.platform();
  const services = await checkHealth(platform);
  const client = await session.client();
  const [jobs, endpoints, events, version] = await Promise.all([
    countJobs(client, session.workspace),
    listEndpoints(session),
    platform.httpUrl ? readEventFigures(platform.httpUrl) : undefined,
    client.inference.serverMetadata({}).then(
      (m) => m.version,
      () => '',
    ),
  ]);
  const isServing = services.every((s) => s.state === 'SERVING') && endpoints.every((e) => e.state !== 'FAILED');
  if (session.isJson)
    session.printJson({
      serving: isServing,
      ...platform,
      version,
      node: process.version,
      services,
      jobs,
      events,
      endpoints,
    });
  else await printStatus(session, { platform, services, jobs, endpoints, events, version });
  return isServing ? EXIT.ok : EXIT.failed;
};

async function checkHealth({ grpcAddress }: PlatformAddress): Promise<Health1[]> {
  const channel = createChannel({ address: grpcAddress, telemetry: createTelemetry({ serviceName: 'cli' }) });
  try {
    await channel.waitForReady(3000);
    const health = createClient(Health, channel, { defaultTimeoutMs: 3000 });
    return await Promise.all(
      Object.entries(SERVICES).map(async ([service, typeName]) => {
        try {
          const { status: state } = await health.check({ service: typeName });
          return { service, state: Serving[state] ?? 'UNKNOWN' };
        } catch (error) {
          return { service, state: isAppError(error) && error.code !== 'NOT_FOUND' ? error.code : 'UNKNOWN' };
        }
      }),
    );
  } finally {
    channel.close();
  }
}

async function listEndpoints(session: Session): Promise<EndpointRow[]> {
  const { serving, inference } = await session.client();
  try {
    const { endpoints } = await serving.listEndpoints({ parent: session.workspace, pageSize: 1000 });
    return await Promise.all(
      endpoints.map(async (endpoint) => {
        const isReady = await inference.modelReady({ name: idOf(endpoint.name) }).then(
          ({ ready }) => ready,
          () => false,
        );
        const hasModel = endpoint.deployment !== undefined;
        return {
          endpoint: endpoint.name,
          modelVersion: endpoint.deployment?.modelVersion ?? '',
          state: isReady ? 'READY' : hasModel ? 'FAILED' : 'NO_MODEL',
        };
      }),
    );
  } catch (error) {
    return [{ endpoint: '', modelVersion: messageOf(error), state: 'FAILED' }];
  }
}

interface Figures {
  readonly platform: PlatformAddress;
  readonly services: readonly Health1[];
  readonly jobs: readonly JobCounts[];
  readonly endpoints: readonly EndpointRow[];
  readonly events: Awaited<ReturnType<typeof readEventFigures>> | undefined;
  readonly version: string;
}

async function printStatus(session: Session, figures: Figures): Promise<void> {
  const { style } = session;
  const { platform, events } = figures;
  const state = (text: string) =>
    text === 'SERVING' || text === 'READY' ? style.good(text) : text === 'NO_MODEL' ? style.dim(text) : style.bad(text);
  session.print(
    details(
      [
        ['gRPC', platform.grpcAddress],
        ['HTTP', platform.httpUrl],
        ['process', platform.pid === undefined ? undefined : String(platform.pid)],
        ['up since', platform.startTime && `${platform.startTime} (${ago(new Date(platform.startTime), new Date())})`],
        ['version', figures.version],
        ['events', events && `${count(events.published)} published, ${count(events.lag)} not yet consumed`],
      ],
      { width: session.width, name: style.dim },
    ),
  );
  session.print('');
  await session.printTable(
    figures.services,
    [
      { title: 'SERVICE', value: (s) => s.service, priority: 0 },
      { title: 'STATE', value: (s) => state(s.state), priority: 0 },
    ],
    'No services.',
  );
  session.print('');
  await session.printTable(
    figures.jobs,
    [
      { title: 'WORK', value: (j) => j.work, priority: 0, widthMin: 17 },
      { title: 'PENDING', value: (j) => count(j.pending), align: 'right' },
      { title: 'RUNNING', value: (j) => style.accent(count(j.running)), align: 'right' },
      { title: 'SUCCEEDED', value: (j) => count(j.succeeded), align: 'right' },
      { title: 'FAILED', value: (j) => (j.failed > 0 ? style.bad(count(j.failed)) : '0'), align: 'right' },
      { title: 'CANCELLED', value: (j) => count(j.cancelled), align: 'right', priority: 2 },
      { title: '', value: (j) => style.dim(j.note), priority: 3 },
    ],
    'No work.',
  );
  session.print('');
  await session.printTable(
    figures.endpoints,
    [
      { title: 'ENDPOINT', value: (e) => idOf(e.endpoint), priority: 0 },
      { title: 'STATE', value: (e) => state(e.state), priority: 0 },
      { title: 'ANSWERS WITH', value: (e) => shortName(e.modelVersion), priority: 1 },
    ],
    'There are no endpoints.',
  );
}
