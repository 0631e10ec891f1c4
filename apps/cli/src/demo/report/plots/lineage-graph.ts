import { html, type Markup } from '../markup.ts';
import { drawing, px } from './frame.ts';
import { type Edge, layers } from './layers.ts';

/** A node: its unique name, what it is, the text it shows and lines of smaller text under it. */
export type GraphNode = {
  readonly name: string;
  readonly kind: string;
  readonly label: string;
  readonly details: readonly string[];
  readonly tip: string;
  readonly tone: string;
};

const NODE = { width: 138, gapX: 30, gapY: 16, line: 15, top: 22, characters: 16 } as const;

/** Width and markup of a layered drawing that runs from left to right, from what went in to what came out. */
export function lineageGraph(
  title: string,
  nodes: readonly GraphNode[],
  edges: readonly Edge[],
): { readonly width: number; readonly markup: Markup } {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const columns = layers([...byName.keys()], edges).map((column) => column.map((name) => boxed(byName.get(name)!)));
  const heights = columns.map((column) => column.reduce((sum, box) => sum + box.height + NODE.gapY, -NODE.gapY));
  const height = Math.max(...heights) + 8;
  const places = new Map<string, Box & { readonly x: number; readonly y: number }>();
  columns.forEach((column, index) => {
    let y = 4 + (height - 8 - (heights[index] ?? 0)) / 2;
    for (const box of column) {
      places.set(box.node.name, { ...box, x: 2 + index * (NODE.width + NODE.gapX), y });
      y += box.height + NODE.gapY;
    }
  });
  const width = columns.length * (NODE.width + NODE.gapX) - NODE.gapX + 4;
  const lines = edges.map((edge) => arrow(places.get(edge.source), places.get(edge.target)));
  const boxes = [...places.values()].map(drawBox);
  const head = html`<defs><marker id="arrowhead" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="arrowhead" d="M0 0L8 4L0 8z"/></marker></defs>`;
  const description = `${nodes.length} nodes and ${edges.length} edges; the table below lists them.`;
  return { width, markup: drawing({ title, description, width, height }, html`${head}${lines}${boxes}`) };
}

/** Breaks a text into lines at spaces and, where words are long, after `/ _ - . :` or anywhere; at most `linesMax`. */
export function wrapText(text: string, charactersMax: number, linesMax: number): string[] {
  const pieces =
    text.slice(0, charactersMax * (linesMax + 2)).match(/[^\s/_\-.:]*[/_\-.:]+|[^\s/_\-.:]+\s*|\s+/g) ?? [];
  const lines = [''];
  for (const piece of pieces.flatMap((word) => chopped(word, charactersMax))) {
    const line = lines.at(-1) ?? '';
    if ((line + piece.trimEnd()).length > charactersMax && line !== '') lines.push(piece.trimStart());
    else lines[lines.length - 1] = line + piece;
  }
  const kept = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (kept.length <= linesMax) return kept;
  const last = kept[linesMax - 1] ?? '';
  return [...kept.slice(0, linesMax - 1), `${[...last].slice(0, charactersMax - 1).join('')}…`];
}

type Box = {
  readonly node: GraphNode;
  readonly lines: readonly string[];
  readonly details: readonly string[];
  readonly height: number;
};

function boxed(node: GraphNode): Box {
  const lines = wrapText(node.label, NODE.characters, 3);
  const details = node.details.slice(0, 3).map((detail) => wrapText(detail, 21, 1)[0] ?? '');
  return { node, lines, details, height: NODE.top + (lines.length + details.length) * NODE.line + 8 };
}

function drawBox({ node, lines, details, x, y, height }: Box & { x: number; y: number }): Markup {
  const left = px(x + 11);
  const row = (index: number) => px(y + NODE.top + 10 + index * NODE.line);
  const labels = lines.map(
    (line, index) => html`<text class="node-label" x="${left}" y="${row(index)}">${line}</text>`,
  );
  const under = details.map(
    (line, index) => html`<text class="node-detail" x="${left}" y="${row(lines.length + index)}">${line}</text>`,
  );
  const kind = wrapText(node.kind.replaceAll('_', ' '), 20, 1)[0] ?? '';
  return html`<g class="node ${node.tone}" data-tip="${node.tip}"><rect class="box" x="${px(x)}" y="${px(y)}" width="${NODE.width}" height="${px(height)}" rx="6"/><rect class="edge-mark" x="${px(x)}" y="${px(y + 6)}" width="3" height="${px(height - 12)}"/><text class="node-kind" x="${left}" y="${px(y + 16)}">${kind}</text>${labels}${under}</g>`;
}

function arrow(from: (Box & { x: number; y: number }) | undefined, to: (Box & { x: number; y: number }) | undefined) {
  if (from === undefined || to === undefined || from === to) return '';
  const [x1, y1] = [from.x + NODE.width, from.y + from.height / 2];
  const [x2, y2] = [to.x - 2, to.y + to.height / 2];
  const bend = Math.max(18, (x2 - x1) / 2);
  return html`<path class="edge" marker-end="url(#arrowhead)" d="M${px(x1)} ${px(y1)}C${px(x1 + bend)} ${px(y1)} ${px(x2 - bend)} ${px(y2)} ${px(x2)} ${px(y2)}"/>`;
}

function chopped(word: string, size: number): string[] {
  const characters = [...word];
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, index) =>
    characters.slice(index * size, (index + 1) * size).join(''),
  );
}
