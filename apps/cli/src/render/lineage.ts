/** A thing in the graph of what things are made of. */
export interface LineageNodeView {
  readonly name: string;
  readonly text: string;
}

/** An edge: `target` was made from `source`. */
export interface LineageEdgeView {
  readonly source: string;
  readonly target: string;
}

/**
 * What a thing is made of as an indented tree. A node that more than one is made of is drawn in full once, and as a
 * reference (`↑`) after that, so that a graph with many paths stays small.
 */
export function lineageTree(
  root: string,
  nodes: readonly LineageNodeView[],
  edges: readonly LineageEdgeView[],
): string[] {
  const texts = new Map(nodes.map((node) => [node.name, node.text]));
  const sources = new Map<string, string[]>();
  for (const { source, target } of edges) sources.set(target, [...(sources.get(target) ?? []), source]);
  const drawn = new Set<string>();
  const lines: string[] = [];
  const draw = (name: string, head: string, indent: string): void => {
    const children = [...new Set(sources.get(name) ?? [])].sort();
    const isRepeated = drawn.has(name) && children.length > 0;
    lines.push(`${head}${texts.get(name) ?? name}${isRepeated ? ' ↑' : ''}`);
    if (drawn.has(name)) return;
    drawn.add(name);
    children.forEach((child, i) => {
      const isLast = i === children.length - 1;
      draw(child, `${indent}${isLast ? '└─ ' : '├─ '}`, `${indent}${isLast ? '   ' : '│  '}`);
    });
  };
  draw(root, '', '');
  return lines;
}
