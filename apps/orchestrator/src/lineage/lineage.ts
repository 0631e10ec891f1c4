import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GetLineageResponseSchema } from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_service';
import { invalidArgument, isAppError } from '@millrace/kernel';
import type { Clients } from '../clients.ts';
import type { Found } from './expand.ts';
import { expand, kindOf } from './expand.ts';
import { usesOf } from './uses.ts';

/** Nodes of an answer, at most. */
const NODES_MAX = 1000;

type Answer = MessageInitShape<typeof GetLineageResponseSchema>;

/**
 * Walks from a resource to what it was made of, and to what was made from it, by asking the services; breadth first, up
 * to `depthMax` steps either way. A resource that is gone, or whose service does not know it, ends its branch.
 *
 * @throws AppError INVALID_ARGUMENT `LINEAGE_KIND_UNKNOWN` for other names; NOT_FOUND when the resource itself is missing.
 */
export async function lineageOf(clients: Clients, name: string, depthMax: number): Promise<Answer> {
  if (kindOf(name) === undefined) throw kindUnknown(name);
  const walk = new Walk(clients);
  await walk.begin(name);
  await walk.follow(name, depthMax, 'up');
  await walk.follow(name, depthMax, 'down');
  return walk.answer();
}

class Walk {
  readonly #clients: Clients;
  readonly #nodes = new Map<string, { name: string; kind: string; attributes: Record<string, string> }>();
  readonly #edges = new Map<string, { source: string; target: string }>();
  readonly #expanded = new Map<string, Found>();

  constructor(clients: Clients) {
    this.#clients = clients;
  }

  async begin(name: string): Promise<void> {
    await this.#expand(name);
  }

  async follow(from: string, depthMax: number, way: 'up' | 'down'): Promise<void> {
    const seen = new Set([from]);
    let frontier = [from];
    for (let depth = 0; depth < depthMax && frontier.length > 0; depth++) {
      const reached = await Promise.all(frontier.map((name) => this.#neighbours(name, way)));
      frontier = [...new Set(reached.flat())].filter((name) => !seen.has(name) && this.#nodes.size < NODES_MAX);
      for (const name of frontier) seen.add(name);
      await Promise.all(frontier.map((name) => this.#expand(name).catch(ignoreMissing)));
    }
  }

  answer(): Answer {
    const edges = [...this.#edges.values()].filter((e) => this.#nodes.has(e.source) && this.#nodes.has(e.target));
    return { nodes: [...this.#nodes.values()], edges };
  }

  async #neighbours(name: string, way: 'up' | 'down'): Promise<string[]> {
    if (way === 'up') {
      const sources = this.#expanded.get(name)?.madeOf ?? [];
      for (const source of sources) this.#edge(source, name);
      return [...sources];
    }
    const targets = await usesOf(this.#clients, name);
    for (const target of targets) this.#edge(name, target);
    return targets;
  }

  async #expand(name: string): Promise<void> {
    if (this.#expanded.has(name)) return;
    const found = await expand(this.#clients, name);
    this.#expanded.set(name, found);
    this.#nodes.set(name, { name, kind: found.kind, attributes: found.attributes });
  }

  #edge(source: string, target: string): void {
    this.#edges.set(`${source} ${target}`, { source, target });
  }
}

function ignoreMissing(error: unknown): void {
  if (!isAppError(error) || !['NOT_FOUND', 'INVALID_ARGUMENT', 'UNIMPLEMENTED'].includes(error.code)) throw error;
}

function kindUnknown(name: string) {
  return invalidArgument('LINEAGE_KIND_UNKNOWN', [
    {
      field: 'name',
      reason: 'LINEAGE_KIND_UNKNOWN',
      description: `"${name.slice(0, 120)}" has no lineage. Name a model version, training set, dataset version, endpoint or deployment.`,
    },
  ]);
}
