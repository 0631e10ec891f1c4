/** A place in a file that a message begins with: `pipeline.yaml:3:5: …`. */
export interface Place {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  readonly rest: string;
}

/** The place that a text begins with; undefined when there is none. */
export function placeOf(text: string): Place | undefined {
  const match = /^(.+?):(\d+):(\d+): (.*)$/s.exec(text);
  if (!match) return undefined;
  const [, path, line, column, rest] = match as unknown as [string, string, string, string, string];
  return { path, line: Number(line), column: Number(column), rest };
}

/** The line of a file with a caret below the column, both behind a gutter with the line's number. Long lines are cut. */
export function excerpt(text: string, line: number, column: number, width = 100): string[] {
  const source = text.split(/\r?\n/)[line - 1];
  if (source === undefined) return [];
  const room = Math.max(20, width - String(line).length - 5);
  const from = column > room - 10 ? Math.max(0, column - Math.floor(room / 2)) : 0;
  const shown = source.slice(from, from + room).replaceAll('\t', ' ');
  const gutter = ' '.repeat(String(line).length);
  return [`${line} | ${shown}`, `${gutter} | ${' '.repeat(Math.max(0, column - 1 - from))}^`];
}
