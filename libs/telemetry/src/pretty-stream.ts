import { stripVTControlCharacters } from 'node:util';

/** Keys that a pretty line shows in its own place or not at all. */
const OWN_PLACE = new Set(['level', 'time', 'pid', 'service.name', 'logger', 'message', 'trace_id', 'span_id', 'err']);

const COLOURS: Readonly<Record<string, string>> = { debug: '90', info: '36', warn: '33', error: '31' };

/** Turns pino's JSON lines into lines for people: `12:00:01.250 INFO ingestion/store message key=value`. */
export class PrettyStream {
  readonly #out: NodeJS.WritableStream;

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  /** Takes one JSON line as pino writes it. */
  write(line: string): void {
    this.#out.write(`${prettyLine(JSON.parse(line) as Record<string, unknown>)}\n`);
  }
}

/** One log record as a line for people; control characters in values are taken out. */
export function prettyLine(record: Readonly<Record<string, unknown>>): string {
  const level = String(record.level);
  const time = String(record.time).slice(11, 23);
  const where = `${record['service.name']}/${record.logger}`;
  const facts = Object.entries(record)
    .filter(([key]) => !OWN_PLACE.has(key))
    .map(
      ([key, value]) => ` \x1b[90m${key}=\x1b[0m${plain(typeof value === 'string' ? value : JSON.stringify(value))}`,
    );
  const err = record.err as { stack?: string } | undefined;
  const stack = err?.stack === undefined ? '' : `\n${plain(err.stack, true)}`;
  const head = `\x1b[90m${time}\x1b[0m \x1b[${COLOURS[level] ?? '0'}m${level.toUpperCase().padEnd(5)}\x1b[0m`;
  return `${head} ${where} ${plain(String(record.message))}${facts.join('')}${stack}`;
}

function plain(text: string | undefined, keepLines = false): string {
  const stripped = stripVTControlCharacters(text ?? '');
  return keepLines ? stripped : stripped.replaceAll(/[\r\n\t]+/g, ' ');
}
