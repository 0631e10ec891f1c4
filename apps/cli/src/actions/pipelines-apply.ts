import { readFile } from 'node:fs/promises';
import { AppError, isAppError, messageOf } from '@millrace/kernel';
import type { ParsedPipeline } from '@millrace/pipelines';
import { parsePipelineFile } from '@millrace/pipelines';
import { plainJson } from '../plain-json.ts';
import { idOf } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';

/** `pipelines apply FILE`. */
export const applyPipelines: Action = (session, input) => apply(session, input.argument(0), false);

/** `pipelines plan FILE`. */
export const planPipelines: Action = (session, input) => apply(session, input.argument(0), true);

/** Reads a pipeline file, or standard input. Throws NOT_FOUND `FILE_NOT_FOUND`, or the parser's errors with their places. */
export async function readPipelines(session: Session, path: string): Promise<ParsedPipeline[]> {
  const text = path === '-' ? await session.io.readStdin() : await readText(path);
  return parsePipelineFile(text, { path: path === '-' ? '<stdin>' : path, workspace: idOf(session.workspace) });
}

async function apply(session: Session, path: string, validateOnly: boolean): Promise<number> {
  const parsed = await readPipelines(session, path);
  const { orchestrator } = await session.client();
  const results: { plan: readonly { name: string; kind: string; details: readonly string[] }[]; pipeline: string }[] =
    [];
  for (const { pipeline, yaml, locate } of parsed) {
    try {
      const response = await orchestrator.applyPipeline({ pipeline, yaml, validateOnly }, { signal: session.signal });
      if (session.isJson) session.printJson(plainJson(response));
      results.push({ pipeline: pipeline.name, plan: response.plan });
    } catch (error) {
      if (!isAppError(error)) throw error;
      if (results.length > 0 && !validateOnly)
        session.note(`Applied before the error: ${results.map((r) => idOf(r.pipeline)).join(', ')}.`);
      throw locate(error);
    }
    if (!session.isJson) session.print(planLines(session, results.at(-1) as (typeof results)[number], validateOnly));
  }
  return 0;
}

/** A plan as lines: a sign, the resource, and what changes. */
function planLines(
  { style }: Session,
  result: { pipeline: string; plan: readonly { name: string; kind: string; details: readonly string[] }[] },
  validateOnly: boolean,
): string[] {
  const signs: Readonly<Record<string, string>> = { CREATE: style.good('+'), UPDATE: style.warn('~') };
  const changes = result.plan.filter((p) => p.kind !== 'NONE');
  const same = result.plan.length - changes.length;
  const verb = validateOnly ? 'would change' : changes.length > 0 ? 'applied' : 'unchanged';
  return [
    `${style.bold(idOf(result.pipeline))} ${changes.length > 0 ? verb : 'unchanged'}${same > 0 ? style.dim(` (${same} resources as they are)`) : ''}`,
    ...changes.flatMap((change) => [
      `  ${signs[change.kind] ?? ' '} ${change.name.replace(/^workspaces\/[^/]+\//, '')}`,
      ...change.details.map((detail) => style.dim(`      ${detail}`)),
    ]),
  ];
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('NOT_FOUND', `${path} cannot be read: ${messageOf(cause)}. Name a file that exists.`, {
      reason: 'FILE_NOT_FOUND',
      fields: { path },
      cause,
    });
  }
}
