import { create, toJson } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { RunStatus } from '@millrace/contracts/millrace/training/v1/run';
import { RunFinishedSchema, TrainingJobFinishedSchema } from '@millrace/contracts/millrace/training/v1/training_events';
import { TrainingResultSchema } from '@millrace/contracts/millrace/training/v1/training_job';
import { emitEvent } from '@millrace/events';
import type { FailedJob, JobContext } from '@millrace/jobs';
import { canonicalJson, type Digest, names } from '@millrace/kernel';
import { onnxRuntimeVersion, readModel } from '@millrace/onnx';
import type { Tx } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import { profileFormatVersion, profileToJson } from '@millrace/profiles';
import { loadManifest } from '@millrace/tables';
import { withSpan } from '@millrace/telemetry';
import { compute, type TrainOutput } from './compute.ts';
import type { TrainingConfig } from './config.ts';
import type { TrainingPlan } from './domain/plan.ts';
import { curvesOf, resultOf, signatureOf } from './domain/result.ts';
import { readRows } from './read-rows.ts';
import { RoundLog } from './round-log.ts';
import { findTrainingJob, saveResult } from './store/jobs.ts';
import { addPoints } from './store/metrics.ts';
import { addArtifacts, endRun } from './store/runs.ts';
import type { Phase } from './worker/messages.ts';

/** What a job works on, as stored with it. */
export interface TrainingPayload {
  readonly workspace: string;
  readonly plan: TrainingPlan;
  /** Digest of the manifest of the training set. */
  readonly manifest: Digest;
}

/** What the work needs. */
export interface TrainingWork {
  readonly platform: Platform;
  readonly config: TrainingConfig;
}

/** Version of this service, which goes into results. */
const PLATFORM_VERSION = '0.1.0';

/** Where each phase begins in the whole, and where the last one ends; a guess from the example's figures. */
const PHASE_START: Readonly<Record<'read' | Phase | 'end', number>> = {
  read: 0,
  cross_validate: 0.05,
  fit: 0.35,
  test: 0.8,
  parity: 0.83,
  profile: 0.9,
  end: 0.99,
};
const PHASES = ['read', 'cross_validate', 'fit', 'test', 'parity', 'profile', 'end'] as const;

/**
 * Trains: reads the rows with the table engine, computes in worker threads on shared memory, stores model,
 * profile and curves as blobs, and commits result, run and events in one transaction. A retry reads and trains again;
 * it gives the same bytes.
 */
export async function runTraining(work: TrainingWork, context: JobContext<TrainingPayload>): Promise<void> {
  const { platform, config } = work;
  const { plan, manifest: digest, workspace } = context.payload;
  const { signal } = context;
  const known = await findTrainingJob(platform.database('training'), workspace, context.id);
  if (known?.result) return; // an attempt that died between its last commit and its end
  const tracer = platform.telemetry('training').tracer;
  const manifest = await loadManifest(platform.blobs, digest);
  const readStart = performance.now();
  const rows = await withSpan(tracer, 'training read', {}, () =>
    readRows(platform.tables, manifest, plan.columns, {
      rowsMax: config.rowsMax,
      signal,
      onRows: (read) => report(context, 'read', read / manifest.rows, 'reading', read),
    }),
  );
  const readSeconds = (performance.now() - readStart) / 1000;
  const log = new RoundLog(context, () => platform.clock.now());
  const output = await withSpan(tracer, 'training compute', {}, () =>
    compute(rows, plan, {
      threads: plan.threads === 0 ? config.threadsMax : Math.min(plan.threads, config.threadsMax),
      memoryMib: config.workerMemoryMib,
      metadata: { 'millrace.training_set': digest, 'millrace.seed': String(plan.pipeline.seed) },
      signal,
      onProgress(progress) {
        report(context, progress.phase, progress.share, progress.message, manifest.rows);
        if (progress.round) log.add(progress.round);
      },
    }),
  );
  await log.close();
  await withSpan(tracer, 'training store', {}, () => store(output, readSeconds, work, context));
}

async function store(
  output: TrainOutput,
  readSeconds: number,
  { platform }: TrainingWork,
  { id, payload, commit, resource }: JobContext<TrainingPayload>,
): Promise<void> {
  const put = async (content: Uint8Array, mediaType: string) => {
    const { digest, sizeBytes } = await platform.blobs.put(content);
    return { digest, sizeBytes: BigInt(sizeBytes), mediaType };
  };
  const model = await put(output.model, 'application/onnx');
  const profile = await put(
    Buffer.from(profileToJson({ version: profileFormatVersion, rows: output.trainRows, columns: output.profile })),
    'application/json',
  );
  const curves = await put(Buffer.from(canonicalJson(curvesOf(output))), 'application/json');
  const signature = signatureOf(readModel(output.model), output.optionalInputs);
  const parts = { model, profile, signature, environment: environment(), readSeconds };
  const result = create(TrainingResultSchema, resultOf(output, parts));
  const artifacts = Object.entries({ 'model.onnx': model, 'profile.json': profile, 'curves.json': curves });
  const metrics = { ...output.metrics, ...crossValidationMeans(output), rounds: output.rounds };
  await commit(async (tx) => {
    await saveResult(tx, id, toJson(TrainingResultSchema, result));
    const now = platform.clock.now();
    const points = Object.entries(metrics).map(([key, value]) => ({ key, value, step: 0, time: undefined }));
    await addPoints(tx, id, points, now);
    await addArtifacts(
      tx,
      id,
      artifacts.map(([path, blob]) => ({ path, ...blob, sizeBytes: Number(blob.sizeBytes) })),
    );
    await endRun(tx, id, RunStatus.FINISHED, now);
    await emitFinished(tx, resource, payload.workspace, id, JobState.SUCCEEDED, RunStatus.FINISHED, result.metrics);
  });
}

/** In the transaction that marks a job FAILED or CANCELLED: ends its run and tells. */
export async function failTraining(tx: Tx, job: FailedJob<TrainingPayload>, now: Date): Promise<void> {
  const isCancelled = job.state === 'CANCELLED';
  const status = isCancelled ? RunStatus.KILLED : RunStatus.FAILED;
  await saveResult(tx, job.id, null);
  await endRun(tx, job.id, status, now);
  await emitFinished(tx, job.resource, job.payload.workspace, job.id, JobState[job.state], status, {});
}

async function emitFinished(
  tx: Tx,
  trainingJob: string,
  workspace: string,
  runId: string,
  state: JobState,
  status: RunStatus,
  metrics: Record<string, number>,
): Promise<void> {
  const run = names.run.format({ workspace, run: runId });
  await emitEvent(tx, {
    subject: 'millrace.training.v1.run.finished',
    resource: run,
    schema: RunFinishedSchema,
    message: { run, status },
  });
  await emitEvent(tx, {
    subject: 'millrace.training.v1.training_job.finished',
    resource: trainingJob,
    schema: TrainingJobFinishedSchema,
    message: { trainingJob, state, metrics },
  });
}

function report(
  context: JobContext<TrainingPayload>,
  phase: 'read' | Phase,
  share: number,
  message: string,
  rows: number,
): void {
  const start = PHASE_START[phase];
  const end = PHASE_START[PHASES[PHASES.indexOf(phase) + 1]!];
  const fraction = start + (end - start) * Math.min(1, share);
  context.progress({ fraction, message: `${phase}: ${message}`, rows });
}

/** Means over the folds, as `cv.<metric>`. */
function crossValidationMeans({ folds }: TrainOutput): Record<string, number> {
  const keys = Object.keys(folds[0]?.metrics ?? {});
  const mean = (key: string) => folds.reduce((sum, { metrics }) => sum + metrics[key]!, 0) / folds.length;
  return Object.fromEntries(keys.map((key) => [`cv.${key}`, mean(key)]));
}

function environment(): Record<string, string> {
  return {
    millrace: PLATFORM_VERSION,
    node: process.version,
    onnxruntime: onnxRuntimeVersion,
    arch: process.arch,
    platform: process.platform,
  };
}
