import { expect, test } from '@jest/globals';
import { eventFigures } from './event-figures.ts';

test('figures of events are read from Prometheus text', () => {
  const text = [
    '# TYPE millrace_events_published_total counter',
    'millrace_events_published_total{subject="a"} 3',
    'millrace_events_published_total{subject="b"} 4',
    'millrace_events_consumed_total{consumer="serving",outcome="done"} 5',
    'millrace_events_lag{consumer="serving"} 2',
    'millrace_events_lag{consumer="orchestrator"} 0',
    'other_metric{consumer="x"} 9',
  ].join('\n');
  expect(eventFigures(text)).toEqual({
    published: 7,
    lag: 2,
    consumers: [
      { consumer: 'orchestrator', lag: 0, consumed: 0 },
      { consumer: 'serving', lag: 2, consumed: 5 },
    ],
  });
  expect(eventFigures('')).toEqual({ published: 0, lag: 0, consumers: [] });
});
