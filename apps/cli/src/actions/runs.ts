import type { MillraceClient } from '@millrace/client';
import type { Metric, Run } from '@millrace/contracts/millrace/training/v1/run';
import { RunStatus } from '@millrace/contracts/millrace/training/v1/run';
import { invalidArgument } from '@millrace/kernel';
import { plainJson } from '../plain-json.ts';
import { sparkline } from '../render/bars.ts';
import { details } from '../render/details.ts';
import { ago, bytes, duration, metric } from '../render/format.ts';
import type { Column } from '../render/table.ts';
import { allPages, dateOf, idOf, nameOf } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';
import { elapsed } from '../watch.ts';

/** Metrics that have a column of their own in lists, the first ones that are there. */
const MAIN_METRICS = ['auc', 'log_loss', 'brier', 'ece', 'rmse', 'mae', 'r2'];

/** Characters of a sparkline. */
const SPARK_WIDTH = 32;

/** `runs ls`. */
export const listRuns: Action = async (session, input) => {
  const { training } = await session.client();
  const experiment = input.text('experiment');
  const runs = await allPages<Run>(
    async (pageToken, pageSize) => {
      const page = await training.searchRuns({
        parent: session.workspace,
        pageToken,
        pageSize,
        experiment: experiment === undefined ? '' : nameOf(session, 'experiment', experiment),
        filter: input.text('filter') ?? '',
        orderBy: input.text('orderBy') ?? '',
      });
      return { items: page.runs, next: page.nextPageToken };
    },
    input.integer('limit', { default: 20, min: 1, max: 10_000 }),
  );
  if (session.isJson) {
    session.printJson({ runs: runs.map(plainJson) });
    return 0;
  }
  const now = new Date();
  const known = MAIN_METRICS.filter((name) => runs.some((r) => name in r.metrics));
  await session.printTable(
    runs,
    [
      { title: 'RUN', value: (r) => idOf(r.name), priority: 0, widthMin: 26 },
      { title: 'NAME', value: (r) => r.displayName, priority: 4 },
      { title: 'EXPERIMENT', value: (r) => idOf(r.experiment), priority: 3 },
      { title: 'STATUS', value: (r) => statusText(session, r), priority: 0 },
      ...known.map(
        (name, i): Column<Run> => ({
          title: name.toUpperCase(),
          value: (r) => metric(r.metrics[name]),
          align: 'right',
          priority: i < 2 ? 1 : 3,
        }),
      ),
      { title: 'TOOK', value: (r) => tookText(r, now), align: 'right', priority: 2 },
      { title: 'BEGUN', value: (r) => ago(dateOf(r.startTime), now), priority: 2 },
    ],
    'There are no runs.',
  );
  return 0;
};

/** `runs show RUN`. */
export const showRun: Action = async (session, input) => {
  const client = await session.client();
  const run = (await client.training.getRun({ name: nameOf(session, 'run', input.argument(0)) })).run as Run;
  const histories = await Promise.all(
    Object.keys(run.metrics)
      .sort()
      .map(async (key) => ({ key, points: await history(client, run.name, key) })),
  );
  if (session.isJson) {
    session.printJson({
      run: plainJson(run),
      metricHistory: Object.fromEntries(histories.map((h) => [h.key, h.points.map(plainJson)])),
    });
    return 0;
  }
  const { style, width } = session;
  session.print(
    details(
      [
        ['run', style.bold(idOf(run.name))],
        ['name', run.displayName],
        ['experiment', idOf(run.experiment)],
        ['status', statusText(session, run)],
        ['took', tookText(run, new Date())],
        ['training job', run.trainingJob && idOf(run.trainingJob)],
        ...Object.entries(run.tags).map(([name, value]) => [`tag ${name}`, value] as const),
      ],
      { width, name: style.dim },
    ),
  );
  session.print('');
  await session.printTable(
    histories,
    [
      { title: 'METRIC', value: (h) => h.key, priority: 0 },
      { title: 'VALUE', value: (h) => metric(run.metrics[h.key]), align: 'right', priority: 0 },
      {
        title: 'COURSE',
        value: (h) =>
          h.points.length > 1
            ? style.accent(
                sparkline(
                  h.points.map((p) => p.value),
                  SPARK_WIDTH,
                ),
              )
            : '',
        priority: 1,
        widthMin: SPARK_WIDTH,
      },
      {
        title: 'STEPS',
        value: (h) => (h.points.length > 1 ? String(h.points.length) : ''),
        align: 'right',
        priority: 2,
      },
    ],
    'It has no metrics.',
  );
  session.print('');
  await session.printTable(
    Object.entries(run.params).sort(([a], [b]) => (a < b ? -1 : 1)),
    [
      { title: 'PARAMETER', value: ([name]) => name, priority: 0, widthMin: 20 },
      { title: 'VALUE', value: ([, value]) => value, priority: 0 },
    ],
    'It has no parameters.',
  );
  session.print('');
  await session.printTable(
    run.artifacts,
    [
      { title: 'ARTIFACT', value: (a) => a.path, priority: 0 },
      { title: 'SIZE', value: (a) => bytes(a.blob?.sizeBytes ?? 0n), align: 'right', priority: 1 },
      { title: 'DIGEST', value: (a) => a.blob?.digest ?? '', priority: 2 },
    ],
    'It has no artifacts.',
  );
  return 0;
};

/** `runs compare RUNS`. */
export const compareRuns: Action = async (session, input) => {
  const { training } = await session.client();
  const given = input.variadic(0);
  if (given.length < 2)
    throw invalidArgument('RUNS_MISSING', [
      { field: 'runs', description: 'names one run. Name at least two to compare.' },
    ]);
  const runs = await Promise.all(
    given.map(async (id) => (await training.getRun({ name: nameOf(session, 'run', id) })).run as Run),
  );
  const keys = (of: (run: Run) => object) => [...new Set(runs.flatMap((r) => Object.keys(of(r))))].sort();
  const params = keys((r) => r.params).filter((key) => new Set(runs.map((r) => r.params[key])).size > 1);
  if (session.isJson) {
    session.printJson({ runs: runs.map(plainJson), differentParams: params });
    return 0;
  }
  const columns = (value: (run: Run, key: string) => string): Column<string>[] =>
    runs.map((run, i) => ({ title: idOf(run.name), value: (key) => value(run, key), align: 'right', priority: i }));
  await session.printTable(
    keys((r) => r.metrics),
    [{ title: 'METRIC', value: (key) => key, priority: 0 }, ...columns((r, key) => metric(r.metrics[key]))],
    'They have no metrics.',
  );
  session.print('');
  await session.printTable(
    params,
    [{ title: 'PARAMETER', value: (key) => key, priority: 0 }, ...columns((r, key) => r.params[key] ?? '–')],
    'Their parameters are equal.',
  );
  return 0;
};

function history({ training }: MillraceClient, name: string, key: string): Promise<Metric[]> {
  return allPages<Metric>(async (pageToken, pageSize) => {
    const page = await training.getMetricHistory({ name, key, pageToken, pageSize });
    return { items: page.metrics, next: page.nextPageToken };
  });
}

function statusText({ style }: Session, { status }: Run): string {
  const text = (RunStatus[status] ?? '').toLowerCase();
  if (status === RunStatus.FINISHED) return style.good(text);
  return status === RunStatus.FAILED ? style.bad(text) : text;
}

function tookText(run: Run, now: Date): string {
  return duration(elapsed(run.startTime, run.endTime, now) ?? Number.NaN);
}
