import type { Telemetry } from '@millrace/telemetry';
import type { ObservableResult } from '@opentelemetry/api';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { EndpointSet } from './endpoint-set.ts';

const QUANTILES = [0.5, 0.9, 0.99];

/**
 * Shows the endpoints' own counters as metrics. They are read when somebody asks for metrics, so a request pays for a few
 * additions only. Gives the function that ends it.
 */
export function registerMetrics({ meter }: Telemetry, endpoints: EndpointSet): () => void {
  const observe = (
    kind: 'counter' | 'gauge',
    name: string,
    description: string,
    read: (runtime: EndpointRuntime, result: Observe) => void,
  ): (() => void) => {
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(name, { description })
        : meter.createObservableGauge(name, { description });
    const callback = (result: ObservableResult) => {
      for (const runtime of endpoints.all()) {
        const endpoint = runtime.definition.name;
        read(runtime, (value, attributes) => result.observe(value, { endpoint, ...attributes }));
      }
    };
    instrument.addCallback(callback);
    return () => instrument.removeCallback(callback);
  };
  const ends = [
    observe('counter', 'serving.requests', 'Requests by outcome, a gRPC code.', ({ stats }, put) => {
      put(stats.succeeded, { code: 'OK' });
      for (const [code, count] of stats.failed) put(count, { code });
    }),
    observe('counter', 'serving.rows', 'Rows predicted, by model version.', ({ stats }, put) => {
      for (const [version, rows] of stats.rowsByVersion) put(rows, { model_version: version });
    }),
    observe('counter', 'serving.batches', 'Runs of the model.', ({ stats }, put) => put(stats.batches)),
    observe('counter', 'serving.batched_requests', 'Requests in these runs.', ({ stats }, put) =>
      put(stats.batchedRequests),
    ),
    observe('counter', 'serving.log.rows', 'Predictions whose log is durable.', ({ log }, put) => put(log.loggedRows)),
    observe('counter', 'serving.log.lost_rows', 'Predictions whose log was lost.', ({ log }, put) => put(log.lostRows)),
    observe('gauge', 'serving.log.waiting_rows', 'Predictions that wait to be logged.', ({ log }, put) =>
      put(log.waitingRows),
    ),
    observe('gauge', 'serving.queued', 'Requests that wait now.', ({ waiting }, put) => put(waiting)),
    observe('gauge', 'serving.latency_us', 'Latency of the last requests in microseconds.', ({ stats }, put) => {
      for (const q of QUANTILES) put(stats.latency.quantile(q), { quantile: String(q) });
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

type Observe = (value: number, attributes?: Readonly<Record<string, string>>) => void;
