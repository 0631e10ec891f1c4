import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';

/**
 * Keeps grpc-js from writing to standard error what it also reports as an error of the call; with GRPC_VERBOSITY set
 * in the environment it may.
 */
export function quietGrpcLog(): void {
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
}
