import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Execution } from '@millrace/contracts/millrace/common/v1/job';
import { ExecutionSchema, JobState as ExecutionState } from '@millrace/contracts/millrace/common/v1/job';
import type { JobRow } from './types.ts';

/** The contract's form of how far a job has come, for the resource that the job works for. */
export function toExecution(job: JobRow): Execution {
  const { progress, error } = job;
  const isDone = job.state === 'SUCCEEDED';
  return create(ExecutionSchema, {
    state: ExecutionState[job.state],
    fraction: isDone ? 1 : (progress?.fraction ?? 0),
    rows: BigInt(progress?.rows ?? 0),
    message: progress?.message ?? '',
    attempt: job.attempt,
    createTime: timestampFromDate(job.createdTime),
    ...(job.startedTime && { startTime: timestampFromDate(job.startedTime) }),
    ...(job.finishedTime && { endTime: timestampFromDate(job.finishedTime) }),
    ...(job.state === 'FAILED' &&
      error && {
        failure: {
          code: error.code,
          reason: error.reason,
          message: error.message,
          violations: (error.violations ?? []).map(({ field, description, reason = '' }) => ({
            field,
            description,
            reason,
          })),
        },
      }),
  });
}
