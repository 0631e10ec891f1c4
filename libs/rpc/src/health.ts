import type { HealthCheckResponse_ServingStatus as ServingStatus } from '@millrace/contracts/grpc/health/v1/health';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '@millrace/contracts/grpc/health/v1/health';
import { notFound } from '@millrace/kernel';
import type { ServiceRegistration } from './service.ts';
import { implement } from './service.ts';

/** The serving state of a server and its services, as `grpc.health.v1` tells it. */
export class HealthState {
  readonly #states = new Map<string, boolean>();
  readonly #listeners = new Set<() => void>();
  #isClosed = false;

  /** Everything starts as not serving. `services` are full names; the empty name is the server as a whole. */
  constructor(services: readonly string[]) {
    for (const service of ['', ...services]) this.#states.set(service, false);
  }

  /** Sets the state of one service; the empty name sets all. */
  setServing(service: string, isServing: boolean): void {
    if (service === '') for (const name of this.#states.keys()) this.#states.set(name, isServing);
    else this.#states.set(service, isServing);
    this.#notify();
  }

  /** Ends all watches, so that a draining server can finish. */
  close(): void {
    this.#isClosed = true;
    this.#notify();
  }

  /** The service to register. */
  registration(): ServiceRegistration {
    return implement(Health, {
      check: ({ service }) => {
        const status = this.#status(service);
        if (status === Serving.SERVICE_UNKNOWN) throw notFound('Service', service);
        return { status };
      },
      watch: ({ service }, ctx) => this.#watch(service, ctx.signal),
    });
  }

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<{ status: ServingStatus }> {
    let last: ServingStatus | undefined;
    while (!signal.aborted) {
      const status = this.#status(service);
      if (status !== last) yield { status };
      last = status;
      if (this.#isClosed) return;
      await this.#change(() => this.#isClosed || this.#status(service) !== last, signal);
    }
  }

  #status(service: string): ServingStatus {
    const isServing = this.#states.get(service);
    if (isServing === undefined) return Serving.SERVICE_UNKNOWN;
    return isServing ? Serving.SERVING : Serving.NOT_SERVING;
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #change(hasChanged: () => boolean, signal: AbortSignal): Promise<void> {
    if (hasChanged()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        if (!signal.aborted && !hasChanged()) return;
        this.#listeners.delete(finish);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      this.#listeners.add(finish);
      signal.addEventListener('abort', finish);
    });
  }
}
