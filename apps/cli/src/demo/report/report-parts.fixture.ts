import type { ReportData } from './report-data.ts';

/** Lineage of the fixture. */
export const LINEAGE: ReportData['lineage'] & object = {
  nodes: [
    {
      name: 'file/flights-3m.parquet',
      kind: 'file',
      label: 'flights-3m.parquet',
      attributes: { sha256: '9c4be11f', MiB: 14 },
    },
    {
      name: 'file/may-delivery.ndjson',
      kind: 'file',
      label: 'may-delivery.ndjson',
      attributes: { sha256: '77ab0e2d' },
    },
    { name: 'contracts/flights', kind: 'data_contract', label: 'flights', attributes: { expectations: 12 } },
    {
      name: 'datasets/flights/versions/5',
      kind: 'dataset_version',
      label: 'flights version 5',
      attributes: { rows: 2_405_816 },
    },
    { name: 'views/origin_delays', kind: 'feature_view', label: 'origin_delays' },
    { name: 'views/route_delays', kind: 'feature_view', label: 'route_delays' },
    {
      name: 'trainingSets/flight-delays-2',
      kind: 'training_set',
      label: 'flight-delays 2001-01 to 2001-05',
      attributes: { rows: 2_102_000, features: 10 },
    },
    {
      name: 'jobs/42',
      kind: 'training_job',
      label: 'gradient boosting',
      attributes: { rounds: 100, leaves: 31, seed: 42 },
    },
    {
      name: 'models/flight-delays/versions/2',
      kind: 'model_version',
      label: 'flight-delays version 2',
      attributes: { digest: 'b81e5d4470aa' },
    },
    { name: 'endpoints/flight-delays', kind: 'endpoint', label: 'flight-delays' },
  ],
  edges: [
    ['file/flights-3m.parquet', 'datasets/flights/versions/5'],
    ['file/may-delivery.ndjson', 'datasets/flights/versions/5'],
    ['contracts/flights', 'datasets/flights/versions/5'],
    ['datasets/flights/versions/5', 'views/origin_delays'],
    ['datasets/flights/versions/5', 'views/route_delays'],
    ['views/origin_delays', 'trainingSets/flight-delays-2'],
    ['views/route_delays', 'trainingSets/flight-delays-2'],
    ['trainingSets/flight-delays-2', 'jobs/42'],
    ['jobs/42', 'models/flight-delays/versions/2'],
    ['models/flight-delays/versions/2', 'endpoints/flight-delays'],
  ].map(([source, target]) => ({ source: source ?? '', target: target ?? '' })),
};

/** Steps of the fixture, one after the other. */
export function steps(): ReportData['steps'] {
  const list: [string, string, number, number][] = [
    ['First run', 'start the platform', 1.9, 0],
    ['First run', 'ingest January to March', 1.1, 1_434_109],
    ['First run', 'validate and publish', 2.2, 1_434_109],
    ['First run', 'features', 4.8, 1_434_109],
    ['First run', 'training set', 5.1, 1_434_109],
    ['First run', 'train, cross-validate, test', 19.6, 1_204_000],
    ['First run', 'parity gate', 0.9, 230_041],
    ['First run', 'register and promote', 0.2, 0],
    ['First run', 'deploy and warm up', 0.4, 0],
    ['Business as usual', 'April: ingest and refresh', 3.4, 478_439],
    ['Business as usual', 'April: predict', 6.2, 20_000],
    ['Bad delivery', 'May: ingest 3 % broken rows', 2.6, 491_762],
    ['Bad delivery', 'reject 40 % broken rows', 0.7, 50_000],
    ['Bad delivery', 'replay corrected rows', 0.8, 1506],
    ['Business as usual', 'May: predict', 6.3, 20_000],
    ['June', 'June: ingest and refresh', 3.7, 594_182],
    ['June', 'June: predict', 6.1, 20_000],
    ['June', 'retrain on January to May', 29.1, 2_102_000],
    ['June', 'swap under load', 1.4, 2_400],
  ];
  let clock = 0;
  return list.map(([group, name, seconds, rows]) => {
    const startSeconds = clock;
    clock += seconds;
    return { name, group, startSeconds, seconds, rows: rows || undefined, status: 'SUCCEEDED' };
  });
}

/** Distributions of the fixture. */
export function distributions(random: () => number): ReportData['distributions'] {
  const bell = (size: number, centre: number, width: number) =>
    Array.from({ length: size }, (_, index) => Math.exp(-(((index - centre) / width) ** 2)) + random() * 0.03);
  const numeric = (column: string, size: number, scale: number, shift: number, unit?: string) => {
    const [reference, current] = [bell(size, size * 0.3, size * 0.2), bell(size, size * 0.3 + shift, size * 0.22)];
    return {
      column,
      type: 'numeric' as const,
      unit,
      referenceLabel: 'training, January to March',
      currentLabel: 'last week of June',
      bins: reference.map((value, index) => ({
        label: Number((index * scale).toFixed(3)).toString(),
        reference: value * 90_000,
        current: (current[index] ?? 0) * 900,
      })),
    };
  };
  const airports = ['ATL', 'ORD', 'DFW', 'PHX', 'DEN', 'LAX', 'other'];
  return [
    numeric('prediction', 20, 0.05, 1.6),
    numeric('origin_late_rate_7d', 20, 0.025, 1.2),
    numeric('route_mean_delay_28d', 24, 1.5, 1.9, 'min'),
    numeric('distance', 24, 110, 0, 'mi'),
    {
      column: 'origin',
      type: 'categorical',
      referenceLabel: 'training, January to March',
      currentLabel: 'last week of June',
      bins: airports.map((label, index) => ({
        label,
        reference: 50 - index * 5,
        current: 48 - index * 4 + random() * 4,
      })),
    },
    { column: 'carrier', type: 'categorical', bins: [] },
  ];
}

/** Calibration bins whose observed share is the predicted one times `factor`. */
export function bins(factor: number) {
  return Array.from({ length: 10 }, (_, index) => {
    const predicted = 0.04 + index * 0.055;
    return {
      predicted,
      observed: Math.min(1, predicted * factor + (index % 2) * 0.006),
      rows: Math.round(5200 * 0.68 ** index) + 60,
    };
  });
}

/** An instant as text. */
export function iso(time: number): string {
  return new Date(time).toISOString();
}

/** A small seeded generator of numbers in [0, 1). */
export function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
