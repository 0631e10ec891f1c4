import type { MillraceClient } from '@millrace/client';
import type { Execution } from '@millrace/contracts/millrace/common/v1/job';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { messageOf } from '@millrace/kernel';

/** Newest pieces of work of each kind that are counted. */
const COUNTED_MAX = 1000;

/** One kind of long work and how many pieces of it are in each state. */
export interface JobCounts {
  readonly work: string;
  readonly pending: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Says where the figures are not whole. */
  readonly note: string;
}

interface Page {
  readonly executions: readonly (Execution | undefined)[];
  readonly hasMore: boolean;
}

/** Counts the newest 1,000 pieces of each kind of long work by state. A service that does not answer is noted. */
export function countJobs(client: MillraceClient, parent: string): Promise<JobCounts[]> {
  const request = { parent, pageSize: COUNTED_MAX };
  const page = (items: readonly { execution?: Execution | undefined }[], next: string): Page => ({
    executions: items.map((i) => i.execution),
    hasMore: next !== '',
  });
  const kinds: Readonly<Record<string, () => Promise<Page>>> = {
    'pipeline runs': async () => {
      const r = await client.orchestrator.listPipelineRuns(request);
      return page(r.pipelineRuns, r.nextPageToken);
    },
    'ingestion runs': async () => {
      const r = await client.ingestion.listIngestionRuns(request);
      return page(r.ingestionRuns, r.nextPageToken);
    },
    'validation runs': async () => {
      const r = await client.validation.listValidationRuns(request);
      return page(r.validationRuns, r.nextPageToken);
    },
    'training sets': async () => {
      const r = await client.featureStore.listTrainingSets(request);
      return page(r.trainingSets, r.nextPageToken);
    },
    materializations: async () => {
      const r = await client.featureStore.listMaterializations(request);
      return page(r.materializations, r.nextPageToken);
    },
    'training jobs': async () => {
      const r = await client.training.listTrainingJobs(request);
      return page(r.trainingJobs, r.nextPageToken);
    },
    'monitor runs': async () => {
      const r = await client.monitoring.listMonitorRuns(request);
      return page(r.monitorRuns, r.nextPageToken);
    },
  };
  return Promise.all(
    Object.entries(kinds).map(async ([work, read]) => {
      try {
        return counts(work, await read());
      } catch (error) {
        return { ...counts(work, { executions: [], hasMore: false }), note: messageOf(error) };
      }
    }),
  );
}

function counts(work: string, { executions, hasMore }: Page): JobCounts {
  const of = (state: JobState) => executions.filter((e) => e?.state === state).length;
  return {
    work,
    pending: of(JobState.PENDING),
    running: of(JobState.RUNNING),
    succeeded: of(JobState.SUCCEEDED),
    failed: of(JobState.FAILED),
    cancelled: of(JobState.CANCELLED),
    note: hasMore ? `the newest ${COUNTED_MAX}` : '',
  };
}
