/**
 * The values of one CSV line (RFC 4180: `"` quotes, doubled to stand for itself); `undefined` when a quote is not closed
 * or stands inside of a value.
 */
export function parseCsvLine(line: string, delimiter: string): string[] | undefined {
  const values: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      const end = closingQuote(line, at + 1);
      if (end === undefined) return undefined;
      values.push(line.slice(at + 1, end).replaceAll('""', '"'));
      at = end + 1;
      if (at < line.length && !line.startsWith(delimiter, at)) return undefined;
    } else {
      const end = line.indexOf(delimiter, at);
      const value = line.slice(at, end < 0 ? undefined : end);
      if (value.includes('"')) return undefined;
      values.push(value);
      at += value.length;
    }
    if (at >= line.length) return values;
    at += delimiter.length;
  }
}

function closingQuote(line: string, from: number): number | undefined {
  for (let at = line.indexOf('"', from); at >= 0; at = line.indexOf('"', at + 2)) if (line[at + 1] !== '"') return at;
  return undefined;
}
