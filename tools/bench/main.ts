/**
 * Measures what the README quotes: `npm run bench -- main [--quick] [--json] [--only ingest,validate,…]`.
 *
 * Each area runs in a process of its own, one after the other (`--quick`: two at a time), on platforms and servers that it starts on free ports and
 * stops again. Progress goes to stderr; the table, or with `--json` one object a line, to stdout. Data is kept below
 * `$TMPDIR` while it runs. Exit code 0 also where a target is missed; 1 where a measure failed to run.
 */
import { spawn } from 'node:child_process';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type AreaName, areas } from './areas.ts';
import { isMet, type Measure, toJsonLine, toTable } from './measure.ts';

const options = {
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  only: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** Exit code of a run, and of a suite, that a signal has ended. */
const INTERRUPTED = 130;

process.exitCode = await main();

async function main(): Promise<number> {
  let given: ReturnType<typeof read>;
  try {
    given = read();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage()}\n`);
    return 2;
  }
  if (given.isHelp) {
    process.stdout.write(`${usage()}\n`);
    return 0;
  }
  const { names, isJson, isQuick } = given;
  const begin = performance.now();
  note(
    `Load average ${load()} at the start.${isQuick ? ' A smoke run: the figures mean nothing and are held against no target.' : ''}`,
  );
  const measures: Measure[] = [];
  const failed: string[] = [];
  const waiting = [...names];
  let isInterrupted = false;
  const worker = async () => {
    for (let name = waiting.shift(); name && !isInterrupted; name = waiting.shift()) {
      note(`${name}: ${areas[name].about}`);
      const code = await runArea(name, isQuick, (figure) => {
        // Targets are about the whole work on a machine of its own.
        const measure = isQuick ? { ...figure, target: undefined } : figure;
        measures.push(measure);
        if (isJson) process.stdout.write(`${toJsonLine(measure)}\n`);
      });
      if (code === INTERRUPTED) isInterrupted = true;
      else if (code !== 0) failed.push(name);
    }
  };
  // A smoke run's figures mean nothing, so it may use the machine twice.
  await Promise.all(Array.from({ length: isQuick ? 2 : 1 }, worker));
  if (isInterrupted) return INTERRUPTED;
  const inOrder = names.flatMap((name) => measures.filter(({ area }) => area === name));
  if (!isJson) process.stdout.write(`${toTable(inOrder)}\n`);
  const missed = measures.filter((measure) => isMet(measure) === false).length;
  note(
    `${Math.round((performance.now() - begin) / 1000)} s; load average ${load()} at the end${isQuick ? '' : `; ${missed} targets missed`}` +
      `${failed.length > 0 ? `; failed to run: ${failed.join(', ')}` : ''}. The demo is not run here: npm run demo -- --json tells its own figures.`,
  );
  return failed.length > 0 ? 1 : 0;
}

function read() {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (!values.help && (positionals.length !== 1 || positionals[0] !== 'main'))
    throw new Error(`There is one benchmark, "main", but "${positionals.join(' ')}" was asked for.`);
  const all = Object.keys(areas) as AreaName[];
  const only = values.only?.split(',').map((name) => name.trim());
  const unknown = only?.filter((name) => !(all as string[]).includes(name)) ?? [];
  if (unknown.length > 0) throw new Error(`--only: no area is named ${unknown.map((n) => `"${n}"`).join(', ')}.`);
  const names = only ? all.filter((name) => only.includes(name)) : all;
  return { names, isJson: values.json, isQuick: values.quick, isHelp: values.help };
}

function usage(): string {
  const lines = Object.entries(areas).map(([name, { about }]) => `  ${name.padEnd(14)}${about}`);
  return `npm run bench -- main [--quick] [--json] [--only AREA,…]\n\nAreas:\n${lines.join('\n')}`;
}

/** Runs an area's suite; gives its exit code. */
async function runArea(name: AreaName, isQuick: boolean, onMeasure: (measure: Measure) => void): Promise<number> {
  const script = join(import.meta.dirname, 'run-suite.ts');
  const child = spawn(process.execPath, ['--no-warnings', script, name, ...(isQuick ? ['--quick'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A suite stops its servers when it is told to end. Ctrl+C reaches it by itself, as a member of the process group.
  const end = () => child.kill('SIGTERM');
  const wait = () => undefined;
  process.on('SIGTERM', end);
  process.on('SIGINT', wait);
  const closed = new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) onMeasure(JSON.parse(line) as Measure);
    else note(`  ${name}: ${line}`);
  }
  const code = await closed;
  process.off('SIGTERM', end);
  process.off('SIGINT', wait);
  return code ?? 1;
}

function load(): string {
  return loadavg()
    .map((value) => value.toFixed(2))
    .join(' ');
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
