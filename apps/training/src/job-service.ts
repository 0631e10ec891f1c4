import { create, toJson } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { TrainingSet } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { RunStatus } from '@millrace/contracts/millrace/training/v1/run';
import type { TrainingSpec } from '@millrace/contracts/millrace/training/v1/training_job';
import { TrainingSpecSchema } from '@millrace/contracts/millrace/training/v1/training_job';
import type { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { cancelJobs, enqueueJob, getJob, watchJob } from '@millrace/jobs';
import { AppError, invalidArgument, invariant, isDigest, names, notFound } from '@millrace/kernel';
import type { Database, Queryable } from '@millrace/postgres';
import { decodePageToken, encodePageToken } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import type { ServiceImpl } from '@millrace/rpc';
import { createClient } from '@millrace/rpc';
import { makePlan } from './domain/make-plan.ts';
import { runParams } from './domain/run-params.ts';
import { insertExperiment } from './store/experiments.ts';
import { findTrainingJob, insertTrainingJob, listTrainingJobs, type TrainingJobRow } from './store/jobs.ts';
import { claimRequest } from './store/requests.ts';
import { addParams, insertRun, setTags } from './store/runs.ts';
import type { TrainingPayload } from './training-job.ts';
import { jobToProto } from './translate.ts';

const PAGE_DEFAULT = 100;
const DEFAULT_EXPERIMENT = 'default';

/** The methods about training jobs. */
type JobMethods = Pick<
  ServiceImpl<typeof TrainingService>,
  'createTrainingJob' | 'getTrainingJob' | 'listTrainingJobs' | 'watchTrainingJob' | 'cancelTrainingJob'
>;

/** Handlers of the methods about training jobs. */
export function createJobMethods({ platform, database }: { platform: Platform; database: Database }): JobMethods {
  return {
    async createTrainingJob({ parent, spec, requestId, validateOnly }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      invariant(spec, 'requests are validated');
      const prepared = await prepare(platform, workspace, spec);
      const jobId = platform.ids.next();
      const name = names.trainingJob.format({ workspace, trainingJob: jobId });
      if (validateOnly) return { trainingJob: { name, spec: prepared.spec } };
      const request = { workspace, method: 'CreateTrainingJob', requestId };
      const row = await database.withTransaction(async (tx) => {
        const now = platform.clock.now();
        const known = await claimRequest(tx, request, jobId, now);
        if (known !== undefined) return await requireJob(tx, workspace, known);
        const { experimentId, payload } = prepared;
        const job = { jobId, workspace, spec: toJson(TrainingSpecSchema, prepared.spec) };
        await insertExperiment(tx, { workspace, experimentId, description: '', createdAt: now });
        const status = RunStatus.RUNNING;
        await insertRun(tx, {
          runId: jobId,
          jobId,
          workspace,
          experimentId,
          displayName: jobId,
          status,
          startTime: now,
        });
        await addParams(tx, jobId, runParams(payload.plan));
        await setTags(tx, jobId, prepared.tags);
        await insertTrainingJob(tx, job);
        await enqueueJob(tx, { id: jobId, kind: 'training', resource: name, payload });
        return { ...job, result: null };
      });
      return { trainingJob: await withExecution(database, row) };
    },
    async getTrainingJob({ name }) {
      const { workspace, trainingJob } = names.trainingJob.parse(name);
      return { trainingJob: await withExecution(database, await requireJob(database, workspace, trainingJob)) };
    },
    async listTrainingJobs({ parent, pageSize, pageToken }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [before] = pageToken ? (decodePageToken(pageToken) as [string]) : [];
      const rows = await listTrainingJobs(database, workspace, before, limit + 1);
      const page = rows.slice(0, limit);
      const trainingJobs = await Promise.all(page.map((row) => withExecution(database, row)));
      return { trainingJobs, nextPageToken: rows.length > limit ? encodePageToken([page.at(-1)!.jobId]) : '' };
    },
    async *watchTrainingJob({ name }, { signal }) {
      const { workspace, trainingJob } = names.trainingJob.parse(name);
      await requireJob(database, workspace, trainingJob);
      for await (const job of watchJob(database, trainingJob, signal))
        yield { trainingJob: jobToProto(await requireJob(database, workspace, trainingJob), job) };
    },
    async cancelTrainingJob({ name }) {
      const { workspace, trainingJob } = names.trainingJob.parse(name);
      const row = await requireJob(database, workspace, trainingJob);
      await database.withTransaction((tx) => cancelJobs(tx, name));
      return { trainingJob: await withExecution(database, row) };
    },
  };
}

/** All that follows from a request before anything is stored. */
interface Prepared {
  /** With defaults that depend on the service filled in. */
  readonly spec: TrainingSpec;
  readonly experimentId: string;
  readonly payload: TrainingPayload;
  readonly tags: Readonly<Record<string, string>>;
}

async function prepare(platform: Platform, workspace: string, given: TrainingSpec): Promise<Prepared> {
  const trainingSetIds = names.trainingSet.parse(given.trainingSet, 'spec.training_set');
  const experiment = given.experiment || names.experiment.format({ workspace, experiment: DEFAULT_EXPERIMENT });
  const experimentIds = names.experiment.parse(experiment, 'spec.experiment');
  const foreign = Object.entries({ 'spec.training_set': trainingSetIds, 'spec.experiment': experimentIds })
    .filter(([, ids]) => ids.workspace !== workspace)
    .map(([field]) => ({ field, reason: 'OTHER_WORKSPACE', description: `is not in the workspace "${workspace}".` }));
  if (foreign.length > 0) throw invalidArgument('TRAINING_SPEC_INVALID', foreign);
  const client = createClient(FeatureStoreService, platform.channel('feature-store'));
  const { trainingSet } = await client.getTrainingSet({ name: given.trainingSet });
  const manifest = requireReady(given.trainingSet, trainingSet);
  const spec = create(TrainingSpecSchema, {
    ...given,
    experiment,
    codeRevision: given.codeRevision || platform.codeRevision,
  });
  return {
    spec,
    experimentId: experimentIds.experiment,
    payload: { workspace, plan: makePlan(spec, trainingSet?.featureColumns ?? []), manifest },
    tags: {
      'millrace.training_set': given.trainingSet,
      'millrace.manifest': manifest,
      'millrace.code_revision': spec.codeRevision,
      'millrace.label_version': trainingSet?.labelVersion ?? '',
      ...Object.fromEntries(
        Object.entries(trainingSet?.viewVersions ?? {}).map(([view, version]) => [
          `millrace.view_version.${view}`,
          version,
        ]),
      ),
    },
  };
}

/** The digest of the manifest; throws FAILED_PRECONDITION `TRAINING_SET_NOT_READY` unless the set is finished. */
function requireReady(name: string, set: TrainingSet | undefined) {
  const state = set?.execution?.state ?? JobState.UNSPECIFIED;
  const digest = set?.table?.manifest?.digest ?? '';
  if (state === JobState.SUCCEEDED && isDigest(digest)) return digest;
  const isOver = state === JobState.FAILED || state === JobState.CANCELLED;
  throw new AppError(
    'FAILED_PRECONDITION',
    `Training set "${name}" is ${JobState[state]}. ${isOver ? 'Create it again.' : 'Wait until it has succeeded (WatchTrainingSet).'}`,
    { reason: 'TRAINING_SET_NOT_READY', fields: { trainingSet: name, state: JobState[state] } },
  );
}

async function requireJob(q: Queryable, workspace: string, jobId: string): Promise<TrainingJobRow> {
  const row = await findTrainingJob(q, workspace, jobId);
  if (row) return row;
  throw notFound('TrainingJob', names.trainingJob.format({ workspace, trainingJob: jobId }));
}

async function withExecution(q: Queryable, row: TrainingJobRow) {
  const job = await getJob(q, row.jobId);
  invariant(job, `training job ${row.jobId} has a row in jobs`);
  // The result may have been committed after `row` was read; it is there whenever the job has succeeded.
  const isStale = job.state === 'SUCCEEDED' && row.result === null;
  return jobToProto(isStale ? await requireJob(q, row.workspace, row.jobId) : row, job);
}
