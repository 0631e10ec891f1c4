import type { ErrorCode } from '@millrace/kernel';

/** What the command ends with, for scripts. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  precondition: 4,
  unavailable: 5,
  interrupted: 130,
} as const;

/** The exit codes as text, for `millrace --help`. */
export const EXIT_CODES_HELP = `Exit codes:
  0    ok
  1    failed: the work, or a check, did not end well
  2    usage: an unknown command or option, or bad input
  3    not found
  4    a precondition does not hold, or somebody else changed it meanwhile
  5    unavailable: the platform does not run or does not answer
  130  interrupted`;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: EXIT.usage,
  OUT_OF_RANGE: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  FAILED_PRECONDITION: EXIT.precondition,
  ALREADY_EXISTS: EXIT.precondition,
  ABORTED: EXIT.precondition,
  UNAVAILABLE: EXIT.unavailable,
  DEADLINE_EXCEEDED: EXIT.unavailable,
  RESOURCE_EXHAUSTED: EXIT.unavailable,
};

/** The exit code for an error of this gRPC status code; 1 where nothing more can be said. */
export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code] ?? EXIT.failed;
}
