import type { LineageNode } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { plainJson } from '../plain-json.ts';
import { metric } from '../render/format.ts';
import { lineageTree } from '../render/lineage.ts';
import { clip } from '../render/width.ts';
import { shortName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';
import { findVersion } from './model-version.ts';

/** `models lineage VERSION`. */
export const showLineage: Action = async (session, input) => {
  const { orchestrator } = await session.client();
  const { name } = await findVersion(session, input.argument(0));
  const depthMax = input.integer('depth', { default: 10, min: 1, max: 100 });
  const lineage = await orchestrator.getLineage({ name, depthMax });
  if (session.isJson) {
    session.printJson(plainJson(lineage));
    return 0;
  }
  const nodes = lineage.nodes.map((node) => ({ name: node.name, text: nodeText(session, node) }));
  session.print(lineageTree(name, nodes, lineage.edges).map((line) => clip(line, session.width)));
  return 0;
};

/** Characters of one fact, at most. */
const FACT_WIDTH = 26;

function nodeText({ style }: Session, node: LineageNode): string {
  const facts = Object.entries(node.attributes)
    .filter(([key]) => key !== 'etag')
    .map(([key, value]) => `${key} ${clip(factText(value), FACT_WIDTH)}`);
  const name = node.name.startsWith('workspaces/') ? shortName(node.name) : node.name;
  return `${style.accent(node.kind)} ${style.bold(name)}${facts.length > 0 ? style.dim(`  ${facts.join('  ')}`) : ''}`;
}

function factText(value: string): string {
  if (/^-?\d+\.\d{5,}(e[+-]?\d+)?$/.test(value)) return metric(Number(value));
  return value.startsWith('workspaces/') ? shortName(value) : value;
}
