import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { allInOneConfigSchema, startAllInOne } from '@millrace/all-in-one';
import { createMillraceClient } from '@millrace/client';
import { createTelemetry } from '@millrace/telemetry';
import { createDisplay } from './display.ts';
import { collectFacts } from './figures.ts';
import { watchMemory } from './memory.ts';
import type { DemoOptions } from './options.ts';
import { openProgressFile } from './progress-file.ts';
import { renderReport } from './report/render-report.ts';
import { reportDataOf } from './report-data-of.ts';
import type { ToldRun } from './runs.ts';
import type { ScoreCounts } from './score.ts';
import { addCounts } from './score.ts';
import type { Story } from './story.ts';
import { applyPipelines, badDeliveries, firstRun, live, load, scheduledRetrain } from './story.ts';
import type { Journey } from './summary.ts';
import { summarize } from './summary.ts';
import { tellSummary } from './tell-summary.ts';

/** Starts the platform and tells the whole story; gives the exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const begin = performance.now();
  const display = createDisplay(options.json ? process.stderr : process.stdout);
  const dataDirectory = resolve(options.dir);
  await mkdir(join(dataDirectory, 'demo'), { recursive: true });
  display.chapter('Starting the platform');
  const platform = await startAllInOne(
    allInOneConfigSchema.parse({ dataDirectory, grpcPort: 0, gateway: { port: 0 } }),
  );
  const memory = watchMemory(platform.postgresPid);
  display.done('start', (performance.now() - begin) / 1000);
  const started = { name: 'start', seconds: (performance.now() - begin) / 1000, rows: 0 };
  const client = createMillraceClient({
    address: platform.grpcAddress,
    telemetry: createTelemetry({
      serviceName: 'demo',
      dataDirectory,
      log: { file: join(dataDirectory, 'millrace.log') },
    }),
    calls: { defaultTimeoutMs: 60_000, defaultStreamTimeoutMs: 30 * 60_000 },
  });
  try {
    const story: Story = {
      platform,
      client,
      display,
      progress: await openProgressFile(join(dataDirectory, 'demo', 'progress.json')),
      dataDirectory,
      pipelineFile: resolve(import.meta.dirname, '../../../../examples/flight-delays/pipeline.yaml'),
      dataFile: options.data ? resolve(options.data) : undefined,
      sampleRows: Number(options.sample),
    };
    const journey = await tell(story, [started], begin, memory.peakMib);
    const facts = await collectFacts(client);
    const summary = summarize(journey, facts);
    const reportFile = join(dataDirectory, 'report.html');
    await writeFile(reportFile, renderReport(reportDataOf(summary, journey, facts)));
    display.chapter('The end');
    display.say(`Report: ${reportFile}`);
    if (!options.json) process.stdout.write(`${tellSummary(summary, facts)}\n${furtherCommands(options.dir)}\n`);
    else process.stdout.write(`${JSON.stringify(summary)}\n`);
    if (options.keepUp) {
      display.say(`The platform stays up: gRPC ${platform.grpcAddress}, HTTP ${platform.httpUrl}. Ctrl-C stops it.`);
      await new Promise<void>((done) => process.once('SIGINT', done).once('SIGTERM', done));
    }
    return 0;
  } finally {
    memory.stop();
    client.close();
    await platform.stop();
  }
}

async function tell(story: Story, parts: Journey['parts'], begin: number, peakMib: () => number): Promise<Journey> {
  const { display, progress } = story;
  const applied = await applyPipelines(story);
  const first = await firstRun(story);
  const loads: { month: string; run: ToldRun }[] = [];
  const months: { month: string; stretch: Awaited<ReturnType<typeof live>> }[] = [];
  for (const [month, end, name] of [
    ['2001-04', '2001-05-01T00:00:00Z', 'April'],
    ['2001-05', '2001-06-01T00:00:00Z', 'May'],
  ] as const) {
    display.chapter(`${name}: business as usual`);
    loads.push({ month, run: await load(story, end) });
    months.push({ month, stretch: await live(story, month, end) });
  }
  const deliveries = await badDeliveries(story);
  display.chapter('June: the world changes');
  loads.push({ month: '2001-06', run: await load(story, '2001-07-01T00:00:00Z') });
  months.push({ month: '2001-06', stretch: await live(story, '2001-06', '2001-07-01T00:00:00Z') });
  const isTriggered = months.some(({ stretch }) => stretch.triggered.length > 0);
  const retrain = progress.get<ToldRun>('retrain') ?? (await scheduledRetrain(story));
  const sentUnderLoad = months.reduce<ScoreCounts>((sum, { stretch }) => addCounts(sum, stretch.load), {
    sent: 0,
    failed: 0,
    byVersion: {},
  });
  return {
    seconds: (performance.now() - begin) / 1000,
    peakRssMib: peakMib(),
    parts: [...parts, applied],
    first,
    loads,
    months,
    deliveries,
    retrain,
    isTriggered,
    load: sentUnderLoad,
    events: await story.platform.eventCounts(),
  };
}

function furtherCommands(directory: string): string {
  const dir = directory === '.millrace' ? '' : ` --dir ${directory}`;
  const run = 'npm run millrace --';
  return [
    '\nHow to look further',
    `  ${run} up${dir}                                  start the platform again on this data`,
    `  ${run} datasets show flights${dir}               versions, rows, dead letters`,
    `  ${run} datasets query "select origin, avg(delay) from flights group by 1 order by 2 desc limit 10"${dir}`,
    `  ${run} models lineage flight-delays${dir}        what the serving model is made of`,
    `  ${run} drift show flight-delays${dir}            distances week by week`,
    `  ${run} trace ls${dir}                            every run as one trace`,
  ].join('\n');
}
