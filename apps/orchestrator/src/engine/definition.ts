import { fromJson } from '@bufbuild/protobuf';
import type { Pipeline, Step } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { invariant } from '@millrace/kernel';
import type { Queryable } from '@millrace/postgres';
import type { StepNode } from '../domain/graph.ts';
import { nodeOf, orderSteps } from '../domain/graph.ts';
import { getRunDefinition } from '../store/runs.ts';

/** A pipeline in the form in which runs need it. */
export interface Definition {
  readonly pipeline: Pipeline;
  readonly steps: ReadonlyMap<string, Step>;
  /** In an order in which they can run. */
  readonly nodes: readonly StepNode[];
}

/** Definitions that are kept, at most; the oldest goes first. */
const KEPT_MAX = 200;
const kept = new Map<string, Definition>();

/** Reads the definition of a run. It never changes, so it is read once for each run. */
export async function definitionOf(q: Queryable, run: string): Promise<Definition> {
  const known = kept.get(run);
  if (known) return known;
  const definition = readDefinition(fromJson(PipelineSchema, (await getRunDefinition(q, run)) as never));
  if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value as string);
  kept.set(run, definition);
  return definition;
}

/** Takes a checked pipeline apart. */
export function readDefinition(pipeline: Pipeline): Definition {
  const nodes = pipeline.steps.map(nodeOf);
  const { order } = orderSteps(nodes);
  invariant(order, `the steps of ${pipeline.name} form no circle`);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return {
    pipeline,
    steps: new Map(pipeline.steps.map((step) => [step.id, step])),
    nodes: order.map((id) => byId.get(id) as StepNode),
  };
}
