/** Names offered at most. */
const SUGGESTIONS_MAX = 3;

/** The known names that look most like a wrong one, the nearest first; none when nothing is near. */
export function suggest(wrong: string, known: Iterable<string>): string[] {
  const most = Math.max(2, Math.floor(wrong.length / 3));
  return [...known]
    .map((name) => ({ name, distance: nearness(wrong, name) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, SUGGESTIONS_MAX)
    .map(({ name }) => name);
}

/** "Did you mean …?" with a leading blank, or nothing. */
export function didYouMean(wrong: string, known: Iterable<string>): string {
  const near = suggest(wrong, known);
  return near.length === 0 ? '' : ` Did you mean ${near.map((name) => `"${name}"`).join(' or ')}?`;
}

/** A name that ends in the wrong one (its view left out) is near; else the edit distance, capitals not counting. */
function nearness(wrong: string, name: string): number {
  const [a, b] = [wrong.toLowerCase(), name.toLowerCase()];
  return b.endsWith(`__${a}`) ? 0 : editDistance(a, b);
}

/** Insertions, deletions and replacements from `a` to `b` (Levenshtein 1966). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
