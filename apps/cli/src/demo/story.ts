import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { AllInOne } from '@millrace/all-in-one';
import type { MillraceClient } from '@millrace/client';
import { resourcesOf, untilEnded } from '@millrace/client';
import type { Pipeline } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { parsePipelineFile } from '@millrace/pipelines';
import { DAY_MS, days, rfc3339 } from './calendar.ts';
import { findCorrections } from './corrections.ts';
import { writeDelivery } from './delivery.ts';
import type { Display } from './display.ts';
import type { Flight } from './flights.ts';
import { knownMs, sampleFlights } from './flights.ts';
import type { ProgressFile } from './progress-file.ts';
import type { ToldRun } from './runs.ts';
import { followRun, runPipeline } from './runs.ts';
import type { Asked, ScoreCounts } from './score.ts';
import { addCounts, askedOf, recordTruth, scoreAll, scoreSteadily } from './score.ts';
import { archivedFlights } from './source-flights.ts';

/** What the story is told with. */
export interface Story {
  readonly platform: AllInOne;
  readonly client: MillraceClient;
  readonly display: Display;
  readonly progress: ProgressFile;
  readonly dataDirectory: string;
  readonly pipelineFile: string;
  /** A Parquet file in place of the pipeline's own source; undefined: the pipeline's. */
  readonly dataFile: string | undefined;
  /** Predictions a month. */
  readonly sampleRows: number;
}

/** A part of the demo with its time, beside the steps of pipeline runs. */
export interface TimedPart {
  readonly name: string;
  readonly seconds: number;
  readonly rows: number;
}

/** A month of predictions, or a part of it. */
export interface ScoredStretch {
  readonly counts: ScoreCounts;
  /** Names of the pipeline runs that an alert has started meanwhile. */
  readonly triggered: readonly string[];
  /** What was sent beside, while a triggered run went on. */
  readonly load: ScoreCounts;
  readonly seconds: number;
  readonly materializeSeconds: number;
  readonly materializations: number;
}

const SEED = 7;
const WORKSPACE = 'workspaces/default';
/** The example's monitors: how their windows lie, and whether the pipeline file has a trigger on their alerts. */
const MONITORS = [
  { monitor: 'flight-delays', windowMs: 7 * DAY_MS, offsetMs: 0, mayTrigger: false },
  { monitor: 'flight-delays-month', windowMs: 30 * DAY_MS, offsetMs: 13 * DAY_MS, mayTrigger: true },
] as const;
/** Requests a second while a new version is trained and takes over. */
const LOAD_PER_SECOND = 60;

/** Applies the example's pipelines; with another data file, its source reads that. */
export async function applyPipelines({ client, pipelineFile, dataFile }: Story): Promise<TimedPart> {
  const begin = performance.now();
  const text = await readFile(pipelineFile, 'utf8');
  const parsed = parsePipelineFile(text, { path: pipelineFile, workspace: 'default' });
  for (const { pipeline, yaml } of parsed) {
    if (dataFile) redirect(pipeline, dataFile);
    await client.orchestrator.applyPipeline({ pipeline, yaml });
  }
  return { name: 'apply', seconds: (performance.now() - begin) / 1000, rows: 0 };
}

function redirect(pipeline: Pipeline, dataFile: string): void {
  for (const source of pipeline.resources?.sources ?? [])
    if (source.location.case === 'file') source.location.value.paths = [dataFile];
}

/** Chapter 1: January to March, from the raw file to the first answer. */
export async function firstRun(story: Story): Promise<ToldRun> {
  story.display.chapter('January to March: the first run');
  return story.progress.once('first-run', () =>
    runPipeline(story.client, story.display, {
      pipeline: 'flight-delays',
      parameters: {
        until: '2001-04-01T00:00:00Z',
        trainEnd: '2001-04-01T00:00:00Z',
        evaluationStart: '2001-03-18T00:00:00Z',
        evaluationEnd: '2001-04-01T00:00:00Z',
      },
      requestId: 'demo-first-run',
    }),
  );
}

/** Loads and publishes the flights before `until`. */
export function load(story: Story, until: string, source = 'flights-file', mayFail = false): Promise<ToldRun> {
  const key = `load-${source}-${until.slice(0, 10)}`;
  return story.progress.once(key, () =>
    runPipeline(story.client, story.display, {
      pipeline: 'flight-delays-load',
      parameters: { until, source },
      requestId: `demo-${key}`,
      mayFail,
    }),
  );
}

/**
 * Lives through a stretch of time day by day: the calendar moves, online features are brought up to date, the day's sample
 * is scored in order of time, and truths that have become known are told. Each week that has passed is judged; a run that
 * an alert starts is followed under load.
 */
export async function live(story: Story, month: string, end: string): Promise<ScoredStretch> {
  return story.progress.once(`live-${month}`, async () => {
    const { client, display } = story;
    const begin = performance.now();
    const start = `${month}-01T00:00:00Z`;
    const flights = await sampleFlights(client, { start, end, rows: story.sampleRows, seed: SEED });
    const asked = askedOf(month, flights);
    const judged: Promise<unknown>[] = [];
    let total = {
      counts: none(),
      load: none(),
      triggered: [] as string[],
      materializeSeconds: 0,
      materializations: 0,
    };
    let waiting: Asked[] = [];
    for (const day of days(start, end)) {
      const dayEnd = day.getTime() + DAY_MS;
      const today = asked.filter(({ flight }) => isWithin(flight, day.getTime(), dayEnd));
      display.now(`${rfc3339(day).slice(0, 10)}: ${total.counts.sent.toLocaleString('en')} predictions`);
      const refreshed = performance.now();
      total.materializations += await refreshFeatures(story, day);
      total.materializeSeconds += (performance.now() - refreshed) / 1000;
      total.counts = addCounts(total.counts, await scoreAll(client, today));
      waiting.push(...today);
      const known = waiting.filter(({ flight }) => knownMs(flight) <= dayEnd);
      waiting = waiting.filter(({ flight }) => knownMs(flight) > dayEnd);
      await recordTruth(client, known);
      for (const { monitor, windowMs, offsetMs, mayTrigger } of MONITORS) {
        if ((dayEnd - offsetMs) % windowMs !== 0) continue;
        const watching = watchWindow(story, monitor, new Date(dayEnd - windowMs), mayTrigger);
        // A window that starts nothing is judged while life goes on.
        if (!mayTrigger) judged.push(watching);
        else total = await answerAlerts(story, total, await watching, today);
      }
    }
    await Promise.all(judged);
    await recordTruth(client, waiting);
    await client.serving.flushPredictionLog({ endpoint: `${WORKSPACE}/endpoints/flight-delays` });
    const seconds = (performance.now() - begin) / 1000;
    display.done(`${month}: days lived`, seconds, total.counts.sent);
    return { ...total, seconds };
  });
}

/** Follows the runs that alerts have started, under load. */
async function answerAlerts<T extends { load: ScoreCounts; triggered: string[] }>(
  story: Story,
  total: T,
  runs: readonly string[],
  today: readonly Asked[],
): Promise<T> {
  let { load } = total;
  for (const run of runs)
    load = addCounts(
      load,
      await followUnderLoad(
        story,
        run,
        today.map(({ flight }) => flight),
      ),
    );
  return { ...total, load, triggered: [...total.triggered, ...runs] };
}

/** Moves the calendar to a midnight and waits for the runs that are due; gives their number. */
async function refreshFeatures({ client }: Story, day: Date): Promise<number> {
  const { pipelineRuns } = await client.orchestrator.advanceCalendar({
    parent: WORKSPACE,
    calendar: 'flights',
    time: timestampFromDate(day),
  });
  for (const name of pipelineRuns) {
    await untilEnded(resourcesOf(client.orchestrator.watchPipelineRun({ name }), ({ pipelineRun }) => pipelineRun));
  }
  return pipelineRuns.length;
}

/** Judges a window of a monitor; gives the runs that its alerts have started. */
async function watchWindow(story: Story, monitor: string, windowStart: Date, mayTrigger: boolean): Promise<string[]> {
  const { client } = story;
  const before = await runNames(client);
  await client.serving.flushPredictionLog({ endpoint: `${WORKSPACE}/endpoints/flight-delays` });
  const { pipelineRun } = await client.orchestrator.createPipelineRun({
    pipeline: `${WORKSPACE}/pipelines/flight-delays-watch`,
    parameters: { monitor, windowStart: rfc3339(windowStart) },
    requestId: `demo-watch-${monitor}-${rfc3339(windowStart).slice(0, 10)}`,
  });
  const name = pipelineRun?.name ?? '';
  const watched = await untilEnded(
    resourcesOf(client.orchestrator.watchPipelineRun({ name }), ({ pipelineRun }) => pipelineRun),
  );
  const alerts = Number(watched.steps[0]?.outputs.alerts ?? 0);
  if (alerts === 0 || !mayTrigger) return [];
  return startedRuns(client, before);
}

/** How long to wait for a run that an alert starts, in milliseconds: the alert travels as an event. */
const TRIGGER_WAIT_MS = 3000;

async function startedRuns(client: MillraceClient, before: ReadonlySet<string>): Promise<string[]> {
  const deadline = performance.now() + TRIGGER_WAIT_MS;
  for (;;) {
    const started = [...(await runNames(client))].filter((name) => !before.has(name));
    if (started.length > 0 || performance.now() > deadline) return started;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function runNames(client: MillraceClient): Promise<Set<string>> {
  const pipeline = `${WORKSPACE}/pipelines/flight-delays`;
  const { pipelineRuns } = await client.orchestrator.listPipelineRuns({ parent: WORKSPACE, pipeline, pageSize: 100 });
  return new Set(pipelineRuns.map((run) => run.name));
}

/** Follows a run that an alert or the schedule has started, while requests go on. */
export async function followUnderLoad(story: Story, run: string, flights: readonly Flight[]): Promise<ScoreCounts> {
  const { client, display, progress } = story;
  display.chapter('An alert has started the pipeline again, while requests go on');
  const over = new AbortController();
  const load = scoreSteadily(client, flights, LOAD_PER_SECOND, over.signal);
  try {
    const told = await followRun(client, display, run);
    await progress.once('retrain', async () => told);
  } finally {
    over.abort();
  }
  return load;
}

/** What the bad deliveries came to. */
export interface Deliveries {
  readonly rows: number;
  readonly broken: Readonly<Record<string, number>>;
  readonly loaded: ToldRun;
  readonly rejected: ToldRun;
  readonly rowsBefore: number;
  readonly rowsAfterRejection: number;
  readonly replayed: number;
  readonly replayVersion: string;
}

/** Chapter 3: the first week of June comes broken, the second so broken that it is refused, and the first is corrected. */
export async function badDeliveries(story: Story): Promise<Deliveries> {
  const { client, display, dataDirectory } = story;
  display.chapter('A bad delivery');
  return story.progress.once('deliveries', async () => {
    const directory = join(dataDirectory, 'demo');
    await mkdir(directory, { recursive: true });
    const first = await writeDelivery(
      join(directory, 'june-week-1.csv'),
      await archivedFlights(client, '2001-06-01', '2001-06-08'),
      0.03,
      SEED,
    );
    const second = await writeDelivery(
      join(directory, 'june-week-2.csv'),
      await archivedFlights(client, '2001-06-08', '2001-06-15'),
      0.4,
      SEED,
    );
    await addSource(client, 'june-week-1', first.path);
    await addSource(client, 'june-week-2', second.path);
    const brokenRows = Object.values(first.broken).reduce((a, b) => a + b, 0);
    display.say(
      `june-week-1.csv: ${first.rows.toLocaleString('en')} rows, ${brokenRows.toLocaleString('en')} of them broken`,
    );
    const loaded = await load(story, '2001-06-08T00:00:00Z', 'june-week-1');
    const version = loaded.steps.find((step) => step.name === 'ingest')?.outputs.datasetVersion ?? '';
    const rowsBefore = await publishedRows(client);
    display.say('june-week-2.csv: 40 % of the rows broken');
    const rejected = await load(story, '2001-06-15T00:00:00Z', 'june-week-2', true);
    const rowsAfterRejection = await publishedRows(client);
    display.say(`rejected: readers still see ${rowsAfterRejection.toLocaleString('en')} rows`);
    const corrections = await findCorrections(client, version, first);
    const replayVersion = await replay(story, version, corrections);
    display.say(
      `${corrections.length.toLocaleString('en')} corrected rows replayed into ${replayVersion.split('/').slice(-3).join('/')}`,
    );
    return {
      rows: first.rows,
      broken: first.broken,
      loaded,
      rejected,
      rowsBefore,
      rowsAfterRejection,
      replayed: corrections.length,
      replayVersion,
    };
  });
}

async function addSource(client: MillraceClient, id: string, path: string): Promise<void> {
  await client.ingestion.updateSource({
    source: { name: `${WORKSPACE}/sources/${id}`, location: { case: 'file', value: { paths: [path] } } },
    allowMissing: true,
  });
}

async function publishedRows(client: MillraceClient): Promise<number> {
  const { datasetVersion } = await client.ingestion.getDatasetVersion({ name: `${WORKSPACE}/datasets/flights` });
  return Number(datasetVersion?.table?.rows ?? 0);
}

/** Replays corrected rows and publishes them; gives the version in which they are. */
async function replay(
  story: Story,
  datasetVersion: string,
  corrections: readonly { id: string; rowJson: string }[],
): Promise<string> {
  const { client, display } = story;
  const begin = performance.now();
  const { ingestionRun } = await client.ingestion.replayDeadLetters({
    dataset: `${WORKSPACE}/datasets/flights`,
    replay: { datasetVersion, corrections: [...corrections], correctedOnly: true },
    requestId: 'demo-replay',
  });
  const name = ingestionRun?.name ?? '';
  const loaded = await untilEnded(
    resourcesOf(client.ingestion.watchIngestionRun({ name }), ({ ingestionRun }) => ingestionRun),
  );
  const { validationRun } = await client.validation.createValidationRun({
    parent: WORKSPACE,
    datasetVersion: loaded.datasetVersion,
    dataContract: `${WORKSPACE}/dataContracts/flights`,
    requestId: 'demo-replay-validation',
  });
  const validation = validationRun?.name ?? '';
  await untilEnded(
    resourcesOf(client.validation.watchValidationRun({ name: validation }), ({ validationRun }) => validationRun),
  );
  display.done('replay', (performance.now() - begin) / 1000, corrections.length);
  return loaded.datasetVersion;
}

/** Where nothing called for a retrain, the schedule's: the same pipeline, once, told as such. */
export async function scheduledRetrain(story: Story): Promise<ToldRun> {
  story.display.chapter('June did not call for a retrain; this is the scheduled one');
  return story.progress.once('retrain', () =>
    runPipeline(story.client, story.display, {
      pipeline: 'flight-delays',
      parameters: {
        until: '2001-07-01T00:00:00Z',
        trainEnd: '2001-06-01T00:00:00Z',
        evaluationStart: '2001-06-01T00:00:00Z',
        evaluationEnd: '2001-07-01T00:00:00Z',
      },
      requestId: 'demo-scheduled-retrain',
    }),
  );
}

function isWithin(flight: Flight, startMs: number, endMs: number): boolean {
  const at = Date.parse(`${flight.date.replace(' ', 'T')}Z`);
  return at >= startMs && at < endMs;
}

const none = (): ScoreCounts => ({ sent: 0, failed: 0, byVersion: {} });
