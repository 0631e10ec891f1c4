import { behind, empty, name, table } from '../components.ts';
import { count } from '../format.ts';
import { clip, html, type Markup } from '../markup.ts';
import { lineageGraph } from '../plots/lineage-graph.ts';
import type { ReportData, ReportLineage } from '../report-data.ts';
import { tone } from '../tones.ts';

/** Nodes beyond which the drawing gives way to its table: it could not be read any more. */
export const LINEAGE_NODES_MAX = 80;

/** What the served model was made of, back to its files. */
export function lineageSection(data: ReportData): Markup {
  const lineage = data.lineage;
  if (lineage === undefined || lineage.nodes.length === 0) return empty('No lineage was recorded.');
  const listed = nodesAndEdges(lineage);
  if (lineage.nodes.length > LINEAGE_NODES_MAX) {
    return html`${empty(`The graph has ${count(lineage.nodes.length)} nodes, too many to draw.`)}${listed}`;
  }
  const kinds = [...new Set(lineage.nodes.map((node) => node.kind))];
  const nodes = lineage.nodes.map((node) => {
    const attributes = Object.entries(node.attributes ?? {}).map(([key, value]) => `${key} ${shown(value)}`);
    return {
      ...{ name: node.name, kind: node.kind, label: node.label || node.name, details: attributes },
      tip: [clip(node.name, 120), ...attributes.map((attribute) => clip(attribute, 120))].join('\n'),
      tone: tone(2 + kinds.indexOf(node.kind)),
    };
  });
  const { width, markup } = lineageGraph('Lineage of the served model', nodes, lineage.edges);
  return html`<figure class="card across"><div class="scroll graph" tabindex="0" role="region" aria-label="Lineage graph"><div style="max-width:${width}px;min-width:${Math.round(width * 0.85)}px">${markup}</div></div>${behind(listed, 'Nodes and edges')}</figure>`;
}

function nodesAndEdges(lineage: ReportLineage): Markup {
  const made = Map.groupBy(lineage.edges, (edge) => edge.target);
  const rows = lineage.nodes.map((node) => [
    name(node.name),
    node.kind.replaceAll('_', ' '),
    (made.get(node.name) ?? []).map((edge, index) => html`${index > 0 ? ', ' : ''}${name(edge.source)}`),
    Object.entries(node.attributes ?? {}).map(
      ([key, value], index) => html`${index > 0 ? ', ' : ''}${key} ${name(shown(value))}`,
    ),
  ]);
  return table(
    'Nodes of the lineage',
    [{ label: 'Name' }, { label: 'Kind' }, { label: 'Made from' }, { label: 'Attributes' }],
    rows,
  );
}

function shown(value: string | number): string {
  return typeof value === 'number' && Number.isInteger(value) ? count(value) : String(value);
}
