import { EXIT } from '../exit-codes.ts';
import { idOf } from '../resource.ts';
import { Session } from '../session.ts';
import type { Action, CommandSpec, CompletionKind, GroupSpec } from '../tree/spec.ts';
import { SCRIPTS } from './scripts.ts';
import { candidates } from './words.ts';

/** Ids offered, at most, and how long the platform may take to name them. */
const IDS_MAX = 200;
const TIMEOUT_MS = 1500;

/** `completion SHELL`. */
export const completion: Action = async (session, input) => {
  session.io.stdout.write(SCRIPTS[input.argument(0)] as string);
  return EXIT.ok;
};

/** `__complete -- WORDS`: a word a line, with what it means behind a tab; `:files` asks the shell for files. */
export function completeFrom(tree: readonly (GroupSpec | CommandSpec)[]): Action {
  return async (session, input) => {
    const words = [...input.variadic(0)];
    if (words.length === 0) words.push('');
    const found = candidates(tree, words);
    const current = words.at(-1) ?? '';
    for (const { word, about } of found.words) if (word.startsWith(current)) session.print(`${word}\t${about}`);
    if (found.kind === 'file') session.print(':files');
    else if (found.kind) {
      const ids = await idsOf(sessionOf(session, words), found.kind).catch(() => []);
      for (const id of ids) if (id.startsWith(current)) session.print(id);
    }
    return EXIT.ok;
  };
}

/** The session that the words themselves would have: `--dir`, `--address` and `--workspace` count here as well. */
function sessionOf({ io }: Session, words: readonly string[]): Session {
  const after = (option: string) => {
    const at = words.indexOf(option);
    return at >= 0 && at < words.length - 2 ? words[at + 1] : undefined;
  };
  const [dir, address, workspace] = [after('--dir'), after('--address'), after('--workspace')];
  return new Session(io, { ...(dir && { dir }), ...(address && { address }), ...(workspace && { workspace }) });
}

async function idsOf(session: Session, kind: CompletionKind): Promise<string[]> {
  const client = await session.client();
  const request = { parent: session.workspace, pageSize: IDS_MAX };
  const options = { timeoutMs: TIMEOUT_MS };
  const ids = (resources: readonly { name: string }[]) => resources.map((r) => idOf(r.name));
  try {
    switch (kind) {
      case 'pipeline':
        return ids((await client.orchestrator.listPipelines(request, options)).pipelines);
      case 'pipelineRun':
        return ids((await client.orchestrator.listPipelineRuns({ ...request, pageSize: 20 }, options)).pipelineRuns);
      case 'dataset':
        return ids((await client.ingestion.listDatasets(request, options)).datasets);
      case 'model':
        return ids((await client.registry.listRegisteredModels(request, options)).registeredModels);
      case 'endpoint':
        return ids((await client.serving.listEndpoints(request, options)).endpoints);
      case 'monitor':
        return ids((await client.monitoring.listMonitors(request, options)).monitors);
      case 'featureService':
        return ids((await client.featureStore.listFeatureServices(request, options)).featureServices);
      case 'run':
        return ids((await client.training.searchRuns({ ...request, pageSize: 20 }, options)).runs);
      case 'alert':
        return ids((await client.monitoring.listAlerts(request, options)).alerts);
      case 'file':
        return [];
    }
  } finally {
    session.close();
  }
}
