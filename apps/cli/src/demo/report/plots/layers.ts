/** An edge of a graph, by names of nodes. */
export type Edge = { readonly source: string; readonly target: string };

/** Sweeps over the layers in search of an order with few crossings; more change next to nothing in small graphs. */
const SWEEPS = 6;

/**
 * Puts the nodes of a directed graph in layers, so that every edge runs from an earlier layer to a later one, and orders
 * each layer by the mean place of its neighbours (Sugiyama's method without dummy nodes). A node stands as near to what
 * it feeds as it can. Edges that would close a circle, and edges to nodes that do not exist, are left out of account.
 */
export function layers(names: readonly string[], edges: readonly Edge[]): string[][] {
  const known = new Set(names);
  const sound = withoutCircles(
    names,
    edges.filter((edge) => known.has(edge.source) && known.has(edge.target)),
  );
  const depth = new Map(names.map((name) => [name, 0]));
  relax(names, () => {
    let changed = false;
    for (const { source, target } of sound) {
      const least = (depth.get(source) ?? 0) + 1;
      if ((depth.get(target) ?? 0) < least) {
        depth.set(target, least);
        changed = true;
      }
    }
    return changed;
  });
  const feeds = Map.groupBy(sound, (edge) => edge.source);
  const fed = new Set(sound.map((edge) => edge.target));
  for (const name of names) {
    const targets = feeds.get(name) ?? [];
    if (fed.has(name) || targets.length === 0) continue;
    depth.set(name, Math.min(...targets.map((edge) => depth.get(edge.target) ?? 1)) - 1);
  }
  const grouped = Map.groupBy(names, (name) => depth.get(name) ?? 0);
  return ordered(
    [...grouped.keys()].sort((a, b) => a - b).map((key) => grouped.get(key) ?? []),
    sound,
  );
}

function relax(names: readonly string[], pass: () => boolean): void {
  for (let round = 0; round <= names.length && pass(); round++);
}

function withoutCircles(names: readonly string[], edges: readonly Edge[]): Edge[] {
  const outgoing = Map.groupBy(edges, (edge) => edge.source);
  const state = new Map<string, 'open' | 'done'>();
  const sound: Edge[] = [];
  for (const root of names) {
    if (state.has(root)) continue;
    const stack = [{ name: root, next: 0 }];
    state.set(root, 'open');
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const edge = outgoing.get(top.name)?.[top.next++];
      if (edge === undefined) {
        state.set(top.name, 'done');
        stack.pop();
        continue;
      }
      if (state.get(edge.target) === 'open') continue;
      sound.push(edge);
      if (state.has(edge.target)) continue;
      state.set(edge.target, 'open');
      stack.push({ name: edge.target, next: 0 });
    }
  }
  return sound;
}

function ordered(start: string[][], edges: readonly Edge[]): string[][] {
  const neighbours = new Map<string, string[]>();
  const link = (a: string, b: string) => neighbours.set(a, [...(neighbours.get(a) ?? []), b]);
  for (const { source, target } of edges) {
    link(source, target);
    link(target, source);
  }
  let result = start;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const place = new Map<string, number>();
    for (const layer of result) layer.forEach((name, index) => void place.set(name, (index + 0.5) / layer.length));
    result = result.map((layer) => {
      const middle = new Map(layer.map((name) => [name, mean(neighbours.get(name) ?? [], place, name)]));
      return [...layer].sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0));
    });
  }
  return result;
}

function mean(names: readonly string[], place: ReadonlyMap<string, number>, self: string): number {
  if (names.length === 0) return place.get(self) ?? 0;
  return names.reduce((sum, name) => sum + (place.get(name) ?? 0), 0) / names.length;
}
