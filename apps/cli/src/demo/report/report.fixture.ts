import type { ReportData, ReportDriftColumn, ReportWindowPerformance } from './report-data.ts';

/**
 * A report as the demo writes it, for the tests of the page and for looking at it. Its figures are made up in the size of
 * the real ones (seeded, so always the same); nothing but tests may use it.
 */
export function fixtureReport(windowsWanted = 13, columnsWanted = 11): ReportData {
  const random = lcg(7);
  const windows = Array.from({ length: windowsWanted }, (_, index) => ({
    windowStart: iso(Date.UTC(2001, 3, 1) + index * WEEK_MS),
    windowEnd: iso(Date.UTC(2001, 3, 8) + index * WEEK_MS),
    month: iso(Date.UTC(2001, 3, 1) + index * WEEK_MS).slice(0, 7),
    june: index >= windowsWanted * 0.69,
    swapped: index >= windowsWanted * 0.84,
  }));
  const performanceByWindow = windows.map((window): ReportWindowPerformance => {
    const auc = (window.swapped ? 0.709 : window.june ? 0.694 : 0.706) + (random() - 0.5) * 0.014;
    const logLoss = (window.june ? (window.swapped ? 0.468 : 0.489) : 0.428) + (random() - 0.5) * 0.02;
    return {
      ...{ windowStart: window.windowStart, windowEnd: window.windowEnd, month: window.month },
      modelVersion: window.swapped ? 2 : 1,
      ...{ rows: 4612 + Math.round(random() * 300), labelledRows: 4590 + Math.round(random() * 20) },
      ...{ auc, aucInterval: [auc - 0.018, auc + 0.018], logLoss, logLossInterval: [logLoss - 0.012, logLoss + 0.012] },
      ...{
        ece: (window.june && !window.swapped ? 0.031 : 0.012) + random() * 0.006,
        labelRate: window.june ? 0.213 : 0.168 + random() * 0.02,
      },
      ...{ referenceAuc: window.swapped ? 0.712 : 0.714, referenceLogLoss: window.swapped ? 0.431 : 0.435 },
    };
  });
  const drift = COLUMNS.concat(
    Array.from({ length: Math.max(0, columnsWanted - COLUMNS.length) }, (_, index) => `extra_${index}`),
  )
    .slice(0, columnsWanted)
    .map(
      (column, at): ReportDriftColumn => ({
        column,
        threshold: 0.1,
        points: windows.map((window) => {
          const value =
            (at % 5 === 0 ? 0.06 : 0.025) +
            random() * 0.03 +
            (window.june && at % 3 === 0 ? 0.06 + random() * 0.07 : 0);
          return { windowEnd: window.windowEnd, value, modelVersion: window.swapped ? 2 : 1, drifted: value >= 0.1 };
        }),
      }),
    );
  return {
    title: 'Half a year of flights',
    subtitle:
      'Three million US flights of 2001, from raw files to a watched and retrained model: will this flight leave 15 minutes late or more?',
    generatedTime: '2026-11-23T16:29:30Z',
    revision: '5621857',
    machine: { cores: 2, memoryMib: 7936, platform: 'Linux x64, Node 24.21.0' },
    ...{ totalSeconds: 97.4, peakRssMib: 2214, retrained: true },
    story: [
      'January to March made the first model. Of 1,434,109 flights every one met the contract; the candidate passed the parity gate with a greatest difference of 2.4 × 10⁻⁷ and became the champion.',
      'April and May went by with no alert. Then a delivery came in which 3 % of the rows were broken: they were held back with the rule that each one broke, the rest was published. A second file with 40 % broken rows was rejected as a whole. The corrected rows were replayed into version 5.',
      'June brought more late flights. Log loss rose from 0.428 to 0.489, beyond its bound of 0.46, and an alert was raised on 9 June. The orchestrator ran the pipeline again on January to May; the challenger beat the champion on the newest labelled window by 0.012 in AUC and took over under load, without one failed request.',
    ],
    steps: steps(),
    datasetVersions: [
      { version: 1, rows: 1_434_109, quarantined: 0, status: 'PUBLISHED', note: 'January to March' },
      { version: 2, rows: 1_912_548, quarantined: 0, status: 'PUBLISHED', note: 'April' },
      {
        version: 3,
        rows: 2_404_310,
        quarantined: 1506,
        status: 'PUBLISHED',
        byRule: {
          'flights.origin.not_null': 412,
          'flights.origin.in_set': 381,
          'flights.delay.between': 364,
          'flights.distance.between': 349,
        },
        note: 'May, with a bad delivery',
      },
      {
        version: 4,
        rows: 0,
        quarantined: 20_000,
        status: 'REJECTED',
        byRule: { 'flights.mostly': 20_000 },
        note: '40 % broken',
      },
      { version: 5, rows: 2_405_816, quarantined: 0, status: 'PUBLISHED', note: 'Replay of corrected rows' },
      { version: 6, rows: 2_999_998, quarantined: 0, status: 'PUBLISHED', note: 'June' },
    ],
    deadLettersByRule: {
      'flights.mostly': 20_000,
      'flights.origin.not_null': 412,
      'flights.origin.in_set': 381,
      'flights.delay.between': 364,
      'flights.distance.between': 349,
      'flights.compound_unique': 231,
      'schema.delay.type': 76,
    },
    distributions: distributions(random),
    modelVersions: [
      {
        version: 1,
        alias: '',
        digest: `sha256:${'3fa9c1d07be2'.repeat(5)}`,
        auc: 0.714,
        aucInterval: [0.709, 0.719],
        logLoss: 0.435,
        parityMaxAbs: 2.4e-7,
        trainRows: 1_204_000,
        trainedOn: 'January to March',
      },
      {
        version: 2,
        alias: 'champion',
        digest: `sha256:${'b81e5d4470aa'.repeat(5)}`,
        auc: 0.712,
        aucInterval: [0.706, 0.715],
        logLoss: 0.431,
        parityMaxAbs: 3.1e-7,
        trainRows: 2_102_000,
        trainedOn: 'January to May',
      },
    ],
    roc: [1, 2].map((version) => ({
      modelVersion: version,
      period: 'test',
      auc: version === 1 ? 0.714 : 0.712,
      points: Array.from(
        { length: 201 },
        (_, index) => [index / 200, (index / 200) ** (version === 1 ? 0.4 : 0.407)] as const,
      ),
    })),
    calibrationByModel: [
      { modelVersion: 1, period: 'April', bins: bins(1.01) },
      { modelVersion: 1, period: 'June', bins: bins(1.24) },
      { modelVersion: 2, period: 'June', bins: bins(1.06) },
    ],
    importances: COLUMNS.slice(0, 10).map((feature, index) => ({
      feature,
      value: 0.31 * 0.74 ** index,
      modelVersion: 2,
    })),
    promotion: [
      {
        version: 1,
        decision: 'promoted',
        gates: [
          { gate: 'parity', holds: true, evidence: 'greatest difference 2.4e-7, at most 1e-5' },
          { gate: 'auc ≥ 0.68', holds: true, evidence: '0.714 on 230,041 test rows' },
        ],
      },
      {
        version: 2,
        decision: 'promoted',
        gates: [
          { gate: 'parity', holds: true, evidence: 'greatest difference 3.1e-7, at most 1e-5' },
          { gate: 'auc ≥ 0.68', holds: true, evidence: '0.712 on 302,118 test rows' },
          {
            gate: 'better than champion',
            holds: true,
            evidence: 'log loss lower by 0.021 (95 %: 0.014 to 0.028), paired bootstrap on the window to 9 June',
          },
        ],
      },
    ],
    performanceByWindow,
    performanceByMonth: [
      {
        month: '2001-04',
        modelVersion: 1,
        rows: 20_000,
        auc: 0.712,
        aucInterval: [0.702, 0.722],
        logLoss: 0.437,
        ece: 0.0121,
        labelRate: 0.181,
      },
      {
        month: '2001-05',
        modelVersion: 1,
        rows: 20_000,
        auc: 0.697,
        aucInterval: [0.687, 0.706],
        logLoss: 0.419,
        ece: 0.0148,
        labelRate: 0.168,
      },
      {
        month: '2001-06',
        modelVersion: 1,
        rows: 9_212,
        auc: 0.694,
        aucInterval: [0.68, 0.708],
        logLoss: 0.489,
        ece: 0.0334,
        labelRate: 0.214,
        note: 'until the swap',
      },
      {
        month: '2001-06',
        modelVersion: 2,
        rows: 10_788,
        auc: 0.708,
        aucInterval: [0.695, 0.721],
        logLoss: 0.468,
        ece: 0.0153,
        labelRate: 0.212,
        note: 'after the swap',
      },
    ],
    drift: { method: 'Jensen–Shannon distance', columns: drift },
    alerts: [
      {
        name: 'alerts/01J',
        kind: 'PERFORMANCE',
        message: 'Log loss 0.489 is above its bound of 0.46 on 4,604 labelled rows.',
        raised: '2001-06-10T00:00:00Z',
        resolved: '2001-06-24T00:00:00Z',
        modelVersion: 1,
      },
      {
        name: 'alerts/01K',
        kind: 'DRIFT',
        message: '4 of 11 columns have drifted: origin_late_rate_7d, prediction, route_mean_delay_28d, hour.',
        raised: '2001-06-10T00:00:00Z',
        modelVersion: 1,
      },
    ],
    predictions: {
      ...{ sent: 60_000, failed: 0, byVersion: { 1: 49_212, 2: 10_788 } },
      latencyMs: { p50: 1.31, p90: 1.94, p95: 2.42, p99: 4.87, max: 31.2 },
      byDay: Array.from({ length: 91 }, (_, index) => ({
        day: iso(Date.UTC(2001, 3, 1 + index)).slice(0, 10),
        sent: 640 + Math.round(60 * Math.sin(index * 0.9) + random() * 20),
        failed: 0,
        modelVersion: index < 76 ? 1 : 2,
        meanPrediction: 0.176 + 0.012 * Math.sin(index * 0.9) + (index >= 76 ? 0.026 : 0),
        labelRate: 0.172 + (index >= 61 ? 0.04 : 0) + 0.05 * (random() - 0.5),
      })),
    },
    events: {
      ...{ published: 412, delivered: 733 },
      byConsumer: [
        { consumer: 'orchestrator', delivered: 318, failed: 0, latencyMsP50: 2.1 },
        { consumer: 'validation', delivered: 6, failed: 0, latencyMsP50: 2.4 },
        { consumer: 'serving', delivered: 4, failed: 0, latencyMsP50: 1.9 },
        { consumer: 'monitoring', delivered: 405, failed: 0, latencyMsP50: 2.6 },
      ],
    },
    lineage: LINEAGE,
    commands: [
      { command: 'npm run millrace -- up', what: 'Start the platform on the data of this run.' },
      { command: 'npm run millrace -- datasets ls', what: 'All versions, with rows and digests.' },
      {
        command:
          "npm run millrace -- datasets query flights 'select origin, avg(delay) from flights group by 1 order by 2 desc limit 10'",
        what: 'Ask any version in SQL.',
      },
      { command: 'npm run millrace -- dead-letters ls flights', what: 'Each row that was held back, with its rule.' },
      {
        command: 'npm run millrace -- models lineage flight-delays champion',
        what: 'The graph above, on the terminal.',
      },
      { command: 'npm run millrace -- drift show flight-delays', what: 'Drift by feature with sparklines.' },
    ],
  };
}

const WEEK_MS = 7 * 86_400_000;
const COLUMNS = [
  'origin_late_rate_7d',
  'hour',
  'route_mean_delay_28d',
  'origin_mean_delay_1d',
  'destination_late_rate_1d',
  'distance',
  'prediction',
  'day_of_week',
  'destination_mean_delay_7d',
  'origin',
  'destination',
];

const LINEAGE: ReportData['lineage'] & object = {
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

function steps(): ReportData['steps'] {
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

function distributions(random: () => number): ReportData['distributions'] {
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

function bins(factor: number) {
  return Array.from({ length: 10 }, (_, index) => {
    const predicted = 0.04 + index * 0.055;
    return {
      predicted,
      observed: Math.min(1, predicted * factor + (index % 2) * 0.006),
      rows: Math.round(5200 * 0.68 ** index) + 60,
    };
  });
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
