import type { Step } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { StepSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { findReferences } from './references.ts';
import { visitTexts } from './texts.ts';

/** A step and the steps that come before it. */
export interface StepNode {
  readonly id: string;
  /** Ids of steps whose outputs it uses, each once. */
  readonly refersTo: readonly string[];
  /** Ids of further steps that must have ended before, each once. */
  readonly after: readonly string[];
}

/** What a step waits for, as written: ids may be unknown. */
export function nodeOf(step: Step): StepNode {
  const refersTo = new Set<string>();
  visitTexts(StepSchema, step, '', ({ path, text }) => {
    if (path === 'description' || path === 'id') return;
    for (const { reference } of findReferences(text)) if (reference?.kind === 'output') refersTo.add(reference.step);
  });
  return { id: step.id, refersTo: [...refersTo], after: [...new Set(step.after)].filter((id) => !refersTo.has(id)) };
}

/** All ids that a step waits for. */
export function dependenciesOf(node: StepNode): string[] {
  return [...node.refersTo, ...node.after];
}

/** An order in which the steps can run, or a circle that keeps them from it. */
export type Ordered =
  | { readonly order: readonly string[]; readonly circle?: undefined }
  | { readonly order?: undefined; readonly circle: readonly string[] };

/**
 * Orders steps by depth-first search, keeping the order of the file where it is free. Unknown ids are left out.
 * A circle begins and ends with the same id.
 */
export function orderSteps(nodes: readonly StepNode[]): Ordered {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const done = new Set<string>();
  const order: string[] = [];
  const trail: string[] = [];
  const visit = (id: string): readonly string[] | undefined => {
    if (done.has(id)) return undefined;
    const begin = trail.indexOf(id);
    if (begin >= 0) return [...trail.slice(begin), id];
    const node = byId.get(id);
    if (!node) return undefined;
    trail.push(id);
    for (const dependency of dependenciesOf(node)) {
      const circle = visit(dependency);
      if (circle) return circle;
    }
    trail.pop();
    done.add(id);
    order.push(id);
    return undefined;
  };
  for (const { id } of nodes) {
    const circle = visit(id);
    if (circle) return { circle };
  }
  return { order };
}
