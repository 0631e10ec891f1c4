import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Artifact, Metric } from '@millrace/contracts/millrace/training/v1/run';
import { RunStatus } from '@millrace/contracts/millrace/training/v1/run';
import { RunFinishedSchema } from '@millrace/contracts/millrace/training/v1/training_events';
import type { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { emitEvent } from '@millrace/events';
import { AppError, invariant, names, notFound } from '@millrace/kernel';
import type { Database, Queryable, Tx } from '@millrace/postgres';
import { decodePageToken, encodePageToken } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import type { ServiceImpl } from '@millrace/rpc';
import { checkBatch } from './domain/batch.ts';
import { parseFilter, parseOrder } from './domain/filter.ts';
import { findExperiment, insertExperiment, listExperiments } from './store/experiments.ts';
import { addPoints, type HistoryKey, listPoints } from './store/metrics.ts';
import { claimRequest } from './store/requests.ts';
import { addArtifacts, addParams, endRun, findRun, insertRun, lockRun, type RunRow, setTags } from './store/runs.ts';
import { type SearchKey, searchRuns } from './store/search.ts';
import { experimentToProto, pointToProto, runToProto } from './translate.ts';

const PAGE_DEFAULT = 100;

/** The methods about experiments and runs. */
type TrackingMethods = Omit<
  ServiceImpl<typeof TrainingService>,
  'createTrainingJob' | 'getTrainingJob' | 'listTrainingJobs' | 'watchTrainingJob' | 'cancelTrainingJob'
>;

/** Handlers of the methods about experiments and runs. */
export function createTrackingMethods(deps: { platform: Platform; database: Database }): TrackingMethods {
  const { platform, database } = deps;
  const now = () => platform.clock.now();
  return {
    async createExperiment({ experiment, requestId }) {
      const { name = '', description = '' } = experiment ?? {};
      const { workspace, experiment: experimentId } = names.experiment.parse(name, 'experiment.name');
      const request = { workspace, method: 'CreateExperiment', requestId };
      const row = await database.withTransaction(async (tx) => {
        const known = await claimRequest(tx, request, experimentId, now());
        if (known !== undefined) return await requireExperiment(tx, workspace, known);
        const made = { workspace, experimentId, description, createdAt: now() };
        if (await insertExperiment(tx, made)) return made;
        throw new AppError('ALREADY_EXISTS', `Experiment "${name}" exists already.`, {
          reason: 'EXPERIMENT_EXISTS',
          fields: { name },
        });
      });
      return { experiment: experimentToProto(row) };
    },
    async getExperiment({ name }) {
      const ids = names.experiment.parse(name);
      return { experiment: experimentToProto(await requireExperiment(database, ids.workspace, ids.experiment)) };
    },
    async listExperiments({ parent, pageSize, pageToken }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [after = ''] = pageToken ? (decodePageToken(pageToken) as [string]) : [];
      const rows = await listExperiments(database, workspace, after, limit + 1);
      const page = rows.slice(0, limit);
      const nextPageToken = rows.length > limit ? encodePageToken([page.at(-1)!.experimentId]) : '';
      return { experiments: page.map(experimentToProto), nextPageToken };
    },
    async createRun({ parent, run, requestId }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      invariant(run, 'requests are validated');
      const { experiment: experimentId } = names.experiment.parse(run.experiment, 'run.experiment');
      checkBatch({ metrics: [], params: run.params, tags: run.tags, artifacts: [] });
      const runId = platform.ids.next();
      const request = { workspace, method: 'CreateRun', requestId };
      const row = await database.withTransaction(async (tx) => {
        const known = await claimRequest(tx, request, runId, now());
        if (known !== undefined) return await requireRun(tx, workspace, known);
        await requireExperiment(tx, workspace, experimentId);
        const displayName = run.displayName || runId;
        const status = RunStatus.RUNNING;
        await insertRun(tx, { runId, workspace, experimentId, displayName, status, startTime: now(), jobId: null });
        await addParams(tx, runId, run.params);
        await setTags(tx, runId, run.tags);
        return await requireRun(tx, workspace, runId);
      });
      return { run: runToProto(row) };
    },
    async getRun({ name }) {
      const { workspace, run } = names.run.parse(name);
      return { run: runToProto(await requireRun(database, workspace, run)) };
    },
    async searchRuns({ parent, pageSize, pageToken, experiment, filter, orderBy }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const experimentId = experiment ? names.experiment.parse(experiment, 'experiment').experiment : undefined;
      const limit = pageSize || PAGE_DEFAULT;
      const after = pageToken ? (decodePageToken(pageToken) as unknown as SearchKey) : undefined;
      const found = await searchRuns(database, {
        workspace,
        experimentId,
        filter: parseFilter(filter),
        order: parseOrder(orderBy),
        after,
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const nextPageToken = found.length > limit ? encodePageToken(page.at(-1)!.key) : '';
      return { runs: page.map(({ run }) => runToProto(run)), nextPageToken };
    },
    async logBatch({ name, metrics, params, tags, artifacts }) {
      const { workspace, run: runId } = names.run.parse(name);
      checkBatch({ metrics, params, tags, artifacts });
      await database.withTransaction(async (tx) => {
        if (!(await lockRun(tx, workspace, runId))) throw notFound('Run', name);
        const changed = await addParams(tx, runId, params);
        if (changed.length > 0) throw paramChanged(name, changed, params);
        await setTags(tx, runId, tags);
        await addArtifacts(tx, runId, artifacts.map(toArtifact));
        await addPoints(tx, runId, metrics.map(toPoint), now());
      });
      return {};
    },
    async finishRun({ name, status }) {
      const { workspace, run: runId } = names.run.parse(name);
      const row = await database.withTransaction((tx) => finish(tx, workspace, runId, status, now()));
      return { run: runToProto(row) };
    },
    async getMetricHistory({ name, key, pageSize, pageToken }) {
      const { workspace, run: runId } = names.run.parse(name);
      await requireRun(database, workspace, runId);
      const limit = pageSize || PAGE_DEFAULT;
      const after = pageToken ? (decodePageToken(pageToken) as unknown as HistoryKey) : undefined;
      const rows = await listPoints(database, runId, key, after, limit + 1);
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const nextPageToken =
        rows.length > limit && last ? encodePageToken([last.step, last.exactTime, String(last.value)]) : '';
      return { metrics: page.map(pointToProto), nextPageToken };
    },
  };
}

/** Ends a run of a user's own; ending it the same way again changes nothing. */
async function finish(tx: Tx, workspace: string, runId: string, status: RunStatus, time: Date): Promise<RunRow> {
  const name = names.run.format({ workspace, run: runId });
  const run = await lockRun(tx, workspace, runId);
  if (!run) throw notFound('Run', name);
  if (run.status === status) return await requireRun(tx, workspace, runId);
  if (run.jobId) {
    throw new AppError('FAILED_PRECONDITION', `Run "${name}" ends with its training job. Cancel that.`, {
      reason: 'RUN_OWNED_BY_JOB',
      fields: { name, trainingJob: names.trainingJob.format({ workspace, trainingJob: run.jobId }) },
    });
  }
  if (run.status !== RunStatus.RUNNING) {
    throw new AppError('FAILED_PRECONDITION', `Run "${name}" has ended as ${RunStatus[run.status]} already.`, {
      reason: 'RUN_ENDED',
      fields: { name, status: RunStatus[run.status] ?? '' },
    });
  }
  await endRun(tx, runId, status, time);
  await emitEvent(tx, {
    subject: 'millrace.training.v1.run.finished',
    resource: name,
    schema: RunFinishedSchema,
    message: { run: name, status },
  });
  return await requireRun(tx, workspace, runId);
}

async function requireExperiment(q: Queryable, workspace: string, experimentId: string) {
  const row = await findExperiment(q, workspace, experimentId);
  if (row) return row;
  throw notFound('Experiment', names.experiment.format({ workspace, experiment: experimentId }));
}

async function requireRun(q: Queryable, workspace: string, runId: string): Promise<RunRow> {
  const row = await findRun(q, workspace, runId);
  if (row) return row;
  throw notFound('Run', names.run.format({ workspace, run: runId }));
}

function paramChanged(
  name: string,
  changed: readonly { key: string; value: string }[],
  given: Readonly<Record<string, string>>,
): AppError {
  const violations = changed.map(({ key, value }) => ({
    field: `params[${JSON.stringify(key)}]`,
    reason: 'PARAM_CHANGED',
    description: `is ${JSON.stringify(value)} already, not ${JSON.stringify(given[key])}. A parameter never changes; start another run.`,
  }));
  return new AppError(
    'FAILED_PRECONDITION',
    `${changed.length} parameters of run "${name}" have other values already.`,
    {
      reason: 'PARAM_CHANGED',
      violations,
    },
  );
}

function toArtifact({ path, blob }: Artifact) {
  const { digest = '', sizeBytes = 0n, mediaType = '' } = blob ?? {};
  return { path, digest, sizeBytes: Number(sizeBytes), mediaType };
}

function toPoint({ key, value, step, time }: Metric) {
  return { key, value, step: Number(step), time: time && timestampDate(time) };
}
