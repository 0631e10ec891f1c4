import type { Monitor, MonitorRun, WindowReport } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import { plainJson } from '../plain-json.ts';
import { sparkline } from '../render/bars.ts';
import { count, metric, moment, percent, span } from '../render/format.ts';
import type { Column } from '../render/table.ts';
import { allPages, dateOf, idOf, nameOf, shortName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';

/** Metrics with a column of their own, the first ones that are there. */
const MAIN_METRICS = ['auc', 'log_loss', 'ece', 'rmse', 'mae'];

/** `drift ls`. */
export const listMonitors: Action = async (session) => {
  const { monitoring } = await session.client();
  const monitors = await allPages<Monitor>(async (pageToken, pageSize) => {
    const page = await monitoring.listMonitors({ parent: session.workspace, pageToken, pageSize });
    return { items: page.monitors, next: page.nextPageToken };
  });
  if (session.isJson) session.printJson({ monitors: monitors.map(plainJson) });
  else
    await session.printTable(
      monitors,
      [
        { title: 'MONITOR', value: (m) => idOf(m.name), priority: 0, widthMin: 20 },
        { title: 'ENDPOINT', value: (m) => idOf(m.endpoint), priority: 1 },
        {
          title: 'WINDOW',
          value: (m) => span(Number(m.window?.seconds ?? 0n) * 1000),
          priority: 1,
        },
        { title: 'DESCRIPTION', value: (m) => m.description, priority: 3 },
      ],
      'There are no monitors. Apply a pipeline that brings one.',
    );
  return 0;
};

/** One window of one model version. */
interface Row {
  readonly run: MonitorRun;
  readonly report: WindowReport;
}

/** `drift show MONITOR`. */
export const showDrift: Action = async (session, input) => {
  const { monitoring } = await session.client();
  const windowsMax = input.integer('windows', { default: 12, min: 1, max: 1000 });
  const response = await monitoring.getDriftReport({
    monitor: nameOf(session, 'monitor', input.argument(0)),
    windowsMax,
  });
  if (session.isJson) {
    session.printJson(plainJson(response));
    return 0;
  }
  // Oldest first, as charts are read.
  const rows: Row[] = response.monitorRuns
    .toReversed()
    .flatMap((run) => run.reports.map((report) => ({ run, report })));
  await session.printTable(rows, windowColumns(session, rows), 'No window has been judged yet.');
  for (const note of new Set(rows.flatMap((r) => r.report.notes))) session.note(session.style.dim(note));
  if (rows.length > 0) {
    session.print('');
    await printColumns(session, rows);
  }
  return 0;
};

function windowColumns({ style }: Session, rows: readonly Row[]): Column<Row>[] {
  const known = MAIN_METRICS.filter((name) =>
    rows.some((r) => r.report.performance && name in r.report.performance.metrics),
  );
  return [
    { title: 'WINDOW FROM', value: (r) => moment(dateOf(r.run.windowStart)), priority: 0 },
    { title: 'VERSION', value: (r) => shortName(r.report.modelVersion), priority: 1 },
    { title: 'ROWS', value: (r) => count(r.report.rows), align: 'right', priority: 2 },
    { title: 'LABELLED', value: (r) => count(r.report.labelledRows), align: 'right', priority: 3 },
    { title: 'DRIFTED', value: (r) => driftText(r, style), align: 'right', priority: 0 },
    ...known.map(
      (name, i): Column<Row> => ({
        title: name.toUpperCase().replace('_', ' '),
        value: ({ report: { performance } }) => {
          const text = metric(performance?.metrics[name]);
          return performance?.brokenBounds.includes(name) ? style.bad(text) : text;
        },
        align: 'right',
        priority: i < 2 ? 0 : 3,
      }),
    ),
    {
      title: 'OUT OF BOUNDS',
      value: (r) => style.bad(r.report.performance?.brokenBounds.join(', ') ?? ''),
      priority: 1,
    },
  ];
}

/** The distance of each column: in the newest window, and its course over all windows. */
async function printColumns(session: Session, rows: readonly Row[]): Promise<void> {
  const newest = rows.at(-1) as Row;
  const { style } = session;
  const course = (column: string) => rows.map((r) => r.report.drift?.columns.find((c) => c.column === column)?.value);
  await session.printTable(
    [...(newest.report.drift?.columns ?? [])].sort((a, b) => b.value - a.value),
    [
      { title: 'COLUMN', value: (c) => c.column, priority: 0, widthMin: 20 },
      {
        title: 'DISTANCE',
        value: (c) => (c.drifted ? style.bad(metric(c.value)) : metric(c.value)),
        align: 'right',
        priority: 0,
      },
      { title: 'BOUND', value: (c) => metric(c.threshold), align: 'right', priority: 1 },
      { title: 'COURSE', value: (c) => style.accent(sparkline(course(c.column))), priority: 1 },
      { title: 'METHOD', value: (c) => c.method, priority: 3 },
      {
        title: 'MISSING',
        value: (c) => `${c.nullShareChange >= 0 ? '+' : '-'}${percent(Math.abs(c.nullShareChange))}`,
        align: 'right',
        priority: 3,
      },
    ],
    'Drift was not judged in the newest window.',
  );
}

function driftText({ report: { drift } }: Row, style: Session['style']): string {
  if (!drift) return '–';
  const text = percent(drift.driftedShare);
  return drift.drifted ? style.bad(text) : text;
}
