import type { ErrorCode } from '@millrace/kernel';
import { LatencyHistogram } from './model/latency-histogram.ts';

/** What an endpoint has done in this process, in plain counters that metrics read when they are asked for. */
export class EndpointStats {
  readonly latency: LatencyHistogram = new LatencyHistogram();
  readonly failed: Map<ErrorCode, number> = new Map();
  readonly rowsByVersion: Map<string, number> = new Map();
  succeeded = 0;
  /** Runs of the model, and requests in them: their ratio is the mean batch. */
  batches = 0;
  batchedRequests = 0;

  /** Notes an answer. */
  answered(version: string, rows: number, latencyUs: number): void {
    this.succeeded++;
    this.rowsByVersion.set(version, (this.rowsByVersion.get(version) ?? 0) + rows);
    this.latency.record(latencyUs);
  }

  /** Notes a request that was refused or failed. */
  refused(code: ErrorCode): void {
    this.failed.set(code, (this.failed.get(code) ?? 0) + 1);
  }
}
