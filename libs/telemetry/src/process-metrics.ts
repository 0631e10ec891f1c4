import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';

/** How often the event loop's delay is sampled. */
const SAMPLE_INTERVAL_MS = 20;

/**
 * Registers what the process uses: resident memory (bytes), CPU time (seconds, by mode), the event loop's delay over
 * the time since the last reading (seconds, p50, p99 and largest), and spans lost. Gives a function that stops it.
 */
export function registerProcessMetrics(meter: Meter, spansDropped: () => number): () => void {
  const delay = monitorEventLoopDelay({ resolution: SAMPLE_INTERVAL_MS });
  delay.enable();
  meter
    .createObservableGauge('process.memory.usage', { unit: 'By', description: 'Resident memory of the process.' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableCounter('process.cpu.time', { unit: 's', description: 'CPU time of the process.' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / 1e6, { 'cpu.mode': 'user' });
      result.observe(system / 1e6, { 'cpu.mode': 'system' });
    });
  meter
    .createObservableGauge('nodejs.eventloop.delay', { unit: 's', description: 'Delay since the last reading.' })
    .addCallback((result) => {
      for (const percentile of [50, 99]) observeDelay(`p${percentile}`, delay.percentile(percentile));
      observeDelay('max', delay.max);
      delay.reset();
      function observeDelay(statistic: string, nanoseconds: number) {
        const late = nanoseconds / 1e9 - SAMPLE_INTERVAL_MS / 1000; // the histogram holds the whole interval
        if (Number.isFinite(late)) result.observe(Math.max(0, late), { statistic });
      }
    });
  meter
    .createObservableCounter('millrace.telemetry.spans_dropped', { description: 'Finished spans that were not kept.' })
    .addCallback((result) => result.observe(spansDropped()));
  return () => delay.disable();
}
