import { clip, displayWidth, pad } from './width.ts';

/** Facts as lines, `name  value`, names aligned; facts without a value are left out. */
export function details(
  facts: readonly (readonly [name: string, value: string | undefined])[],
  options: { width: number; name?: (text: string) => string },
): string[] {
  const known = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined && fact[1] !== '');
  const nameWidth = known.reduce((a, [name]) => Math.max(a, displayWidth(name)), 0);
  const style = options.name ?? ((text: string) => text);
  return known.flatMap(([name, value]) =>
    value
      .split('\n')
      .map(
        (line, i) =>
          `${style(pad(i === 0 ? name : '', nameWidth))}  ${clip(line, Math.max(10, options.width - nameWidth - 2))}`,
      ),
  );
}
