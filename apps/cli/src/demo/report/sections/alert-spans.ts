import { day, instant, known } from '../format.ts';
import type { ReportAlert } from '../report-data.ts';

/** A stretch of event time in which an alert was open, cut to the axis of a plot. */
export type AlertSpan = { readonly from: number; readonly to: number; readonly tip: string };

/** Alerts of the wanted kinds as stretches of time; an open alert lasts to the end of the axis. */
export function alertSpans(
  alerts: readonly ReportAlert[],
  domain: readonly [number, number],
  wanted: 'drift' | 'performance',
): AlertSpan[] {
  return alerts.flatMap((alert) => {
    const from = instant(alert.raised);
    if (from === undefined || from > domain[1] || /drift/i.test(known(alert.kind) ?? '') !== (wanted === 'drift'))
      return [];
    const to = instant(alert.resolved) ?? domain[1];
    const until = known(alert.resolved) ? `resolved ${day(alert.resolved)}` : 'still open';
    const tip = [
      `${known(alert.kind) ?? 'alert'} raised ${day(alert.raised)}, ${until}`,
      known(alert.message) ?? alert.name,
    ].join('\n');
    return [{ from: Math.max(from, domain[0]), to: Math.max(from, Math.min(to, domain[1])), tip }];
  });
}
