/** What the platform's metrics say about events. */
export interface EventFigures {
  /** Events published since the process started. */
  readonly published: number;
  /** Events in the log that consumers have not finished, all consumers together. */
  readonly lag: number;
  readonly consumers: readonly { readonly consumer: string; readonly lag: number; readonly consumed: number }[];
}

/** Reads the figures from `/metrics`; undefined when it does not answer within 3 s. */
export async function readEventFigures(httpUrl: string): Promise<EventFigures | undefined> {
  try {
    const response = await fetch(`${httpUrl}/metrics`, { signal: AbortSignal.timeout(3000) });
    return response.ok ? eventFigures(await response.text()) : undefined;
  } catch {
    return undefined;
  }
}

/** The figures in a text of Prometheus' exposition format. */
export function eventFigures(text: string): EventFigures {
  const lags = new Map<string, number>();
  const consumed = new Map<string, number>();
  let published = 0;
  for (const line of text.split('\n')) {
    const match = /^(millrace_events_\w+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match) continue;
    const [, name, labels = '', value] = match;
    const consumer = /consumer="((?:[^"\\]|\\.)*)"/.exec(labels)?.[1] ?? '';
    if (name === 'millrace_events_published_total') published += Number(value);
    else if (name === 'millrace_events_lag') lags.set(consumer, (lags.get(consumer) ?? 0) + Number(value));
    else if (name === 'millrace_events_consumed_total')
      consumed.set(consumer, (consumed.get(consumer) ?? 0) + Number(value));
  }
  const consumers = [...new Set([...lags.keys(), ...consumed.keys()])].sort().map((consumer) => ({
    consumer,
    lag: lags.get(consumer) ?? 0,
    consumed: consumed.get(consumer) ?? 0,
  }));
  return { published, lag: consumers.reduce((a, c) => a + c.lag, 0), consumers };
}
