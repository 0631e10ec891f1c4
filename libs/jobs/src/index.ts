/**
 * Long work that survives its worker: jobs in a table of the service's schema, claimed with leases and fences, with
 * progress, checkpoints, cancellation and retries; and heavy computing in worker threads.
 */
export { cancelJobs, enqueueJob, jobsMigrations } from './enqueue.ts';
export { startJobRunner } from './runner.ts';
export { getJob, listJobs } from './store.ts';
export { toExecution } from './toExecution.ts';
export type {
  FailedJob,
  JobContext,
  JobError,
  JobFilter,
  JobHandler,
  JobKind,
  JobProgress,
  JobRow,
  JobRunner,
  JobRunnerOptions,
  JobState,
  NewJob,
} from './types.ts';
export { isFinal, watchJob } from './watch.ts';
export type { RunInWorkerOptions, WorkerContext } from './worker/runInWorker.ts';
export { runInWorker } from './worker/runInWorker.ts';
