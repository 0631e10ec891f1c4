import type { RawMethod, ServiceRegistration } from '@millrace/rpc';

/**
 * A service as something that a process can run. Made by the service's `createXModule({ config, platform })`; making it
 * has no effects, they begin with `start`.
 */
export interface Module {
  /** The service's name, for example `feature-store`. */
  readonly name: string;
  /** Names of modules that must have started before this one, where they run in the same process. */
  readonly dependsOn: readonly string[];
  /** The gRPC services it answers. */
  readonly grpcServices: readonly ServiceRegistration[];
  /** Methods with a codec of their own. */
  readonly rawMethods?: readonly RawMethod[];
  /** Migrates its schema, starts its workers and consumers; resolves when it can serve. */
  start(): Promise<void>;
  /** Stops taking work, hands back what it has not finished within the deadline, and says what it cut off. */
  stop(deadlineMs: number): Promise<readonly string[]>;
}
