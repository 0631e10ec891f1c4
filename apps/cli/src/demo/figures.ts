import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { MillraceClient } from '@millrace/client';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { Alert, MonitorRun, WindowReport } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import { AlertState } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import type { LineageEdge, LineageNode } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import type { ModelVersion, Promotion } from '@millrace/contracts/millrace/registry/v1/registered_model';
import type { EndpointStats } from '@millrace/contracts/millrace/serving/v1/endpoint';
import type { TrainingJob } from '@millrace/contracts/millrace/training/v1/training_job';

/** Everything the services know about the demo, asked once at its end. */
export interface Facts {
  readonly datasetVersions: readonly {
    version: string;
    rows: number;
    quarantined: number;
    status: string;
    byRule: Record<string, number>;
  }[];
  readonly deadLettersByRule: Readonly<Record<string, number>>;
  readonly modelVersions: readonly ModelVersion[];
  readonly trainingJobs: ReadonlyMap<string, TrainingJob>;
  readonly promotions: readonly Promotion[];
  readonly windows: readonly MonitorRun[];
  readonly months: readonly { month: string; reports: readonly WindowReport[] }[];
  readonly alerts: readonly Alert[];
  readonly stats: EndpointStats | undefined;
  readonly lineage: { readonly nodes: readonly LineageNode[]; readonly edges: readonly LineageEdge[] };
}

const WORKSPACE = 'workspaces/default';
const MODEL = `${WORKSPACE}/registeredModels/flight-delays`;
const ENDPOINT = `${WORKSPACE}/endpoints/flight-delays`;
const MONTHS = [
  ['2001-04', '2001-05'],
  ['2001-05', '2001-06'],
  ['2001-06', '2001-07'],
] as const;

/** Asks the services. */
export async function collectFacts(client: MillraceClient): Promise<Facts> {
  const [versions, letters, models, promotions, windows, alerts, stats] = await Promise.all([
    client.ingestion.listDatasetVersions({ parent: `${WORKSPACE}/datasets/flights`, pageSize: 1000 }),
    client.ingestion.listDeadLetters({ parent: `${WORKSPACE}/datasets/flights`, pageSize: 1 }),
    client.registry.listModelVersions({ parent: MODEL, pageSize: 1000 }),
    client.registry.listPromotions({ parent: MODEL, pageSize: 1000 }),
    client.monitoring.listMonitorRuns({
      parent: WORKSPACE,
      monitor: `${WORKSPACE}/monitors/flight-delays`,
      pageSize: 1000,
    }),
    client.monitoring.listAlerts({ parent: WORKSPACE, pageSize: 1000 }),
    client.serving.getEndpointStats({ endpoint: ENDPOINT }),
  ]);
  const modelVersions = models.modelVersions.toReversed();
  const jobs = await Promise.all(
    modelVersions.map(async ({ name, lineage }) => {
      const { trainingJob } = await client.training.getTrainingJob({ name: lineage?.trainingJob ?? '' });
      return [name, trainingJob as TrainingJob] as const;
    }),
  );
  const champion = modelVersions.find((version) => version.aliases.includes('champion')) ?? modelVersions.at(-1);
  const lineage = champion
    ? await client.orchestrator.getLineage({ name: champion.name, depthMax: 10 })
    : { nodes: [], edges: [] };
  return {
    datasetVersions: versions.datasetVersions.toReversed().map((version) => ({
      version: version.name.split('/').at(-1) ?? '',
      rows: Number(version.table?.rows ?? 0),
      quarantined: Number(version.quarantinedRows),
      status: DatasetVersionState[version.state],
      byRule: Object.fromEntries(Object.entries(version.quarantinedByRule).map(([rule, rows]) => [rule, Number(rows)])),
    })),
    deadLettersByRule: Object.fromEntries(
      Object.entries(letters.countByRule).map(([rule, rows]) => [rule, Number(rows)]),
    ),
    modelVersions,
    trainingJobs: new Map(jobs),
    promotions: promotions.promotions.toReversed(),
    windows: windows.monitorRuns.toSorted((a, b) =>
      Number((a.windowStart?.seconds ?? 0n) - (b.windowStart?.seconds ?? 0n)),
    ),
    months: await Promise.all(MONTHS.map(([month, next]) => monthOf(client, month, next))),
    alerts: alerts.alerts.toReversed(),
    stats: stats.stats,
    lineage,
  };
}

async function monthOf(client: MillraceClient, month: string, next: string) {
  const at = (text: string) => timestampFromDate(new Date(`${text}-01T00:00:00Z`));
  const { reports } = await client.monitoring.getPerformance({
    endpoint: ENDPOINT,
    startTime: at(month),
    endTime: at(next),
  });
  return { month, reports };
}

/** The last segment of a resource name: how versions are called in tables. */
export function shortName(name: string): string {
  return name.split('/').at(-1) ?? name;
}

/** A moment as text; empty where it is not set. */
export function timeText(time: Parameters<typeof timestampDate>[0] | undefined): string {
  return time ? timestampDate(time).toISOString().replace('.000Z', 'Z') : '';
}

/** What an alert is now, in a word. */
export function alertState(alert: Alert): string {
  return AlertState[alert.state].toLowerCase();
}
