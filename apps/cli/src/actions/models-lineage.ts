import type { LineageNode } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { plainJson } from '../plain-json.ts';
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

function nodeText({ style }: Session, node: LineageNode): string {
  const facts = Object.entries(node.attributes).map(
    ([key, value]) => `${key} ${value.length > 26 ? `${value.slice(0, 19)}…` : value}`,
  );
  const name = node.name.startsWith('workspaces/') ? shortName(node.name) : node.name;
  return `${style.accent(node.kind)} ${style.bold(name)}${facts.length > 0 ? style.dim(`  ${facts.join('  ')}`) : ''}`;
}
