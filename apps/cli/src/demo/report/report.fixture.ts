import type { ReportData, ReportDriftColumn, ReportWindowPerformance } from './report-data.ts';
import { bins, distributions, iso, LINEAGE, lcg, steps } from './report-parts.fixture.ts';

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
