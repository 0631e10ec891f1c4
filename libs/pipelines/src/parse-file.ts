import { fromJson } from '@bufbuild/protobuf';
import type { Pipeline } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { FieldViolation } from '@millrace/kernel';
import { AppError, invalidArgument, isAppError } from '@millrace/kernel';
import { validateMessage } from '@millrace/rpc';
import type { Node } from 'yaml';
import { LineCounter, parseAllDocuments } from 'yaml';
import { readMessage } from './read-node.ts';

/** Bytes of a pipeline file, at most. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** How a file is read. */
export interface ParseOptions {
  /** For messages, for example `pipeline.yaml`. */
  readonly path: string;
  /** The workspace in which bare ids are names. */
  readonly workspace: string;
}

/** A pipeline and where its fields stand in the file. */
export interface ParsedPipeline {
  readonly pipeline: Pipeline;
  /** The text of its document. */
  readonly yaml: string;
  /**
   * The same error with `file:line:column` before the fields that stand in the file: for errors of services, whose
   * field paths are those of the message.
   */
  locate(error: AppError): AppError;
}

/**
 * Reads a pipeline file: one YAML document a pipeline, each the JSON form of `millrace.orchestrator.v1.Pipeline` with bare
 * ids for names, spans like `1d` for durations, and enum values without prefix.
 *
 * @throws AppError INVALID_ARGUMENT `PIPELINE_FILE_INVALID` with every wrong field; each description begins with
 * `file:line:column`.
 */
export function parsePipelineFile(text: string, options: ParseOptions): ParsedPipeline[] {
  if (text.length > FILE_BYTES_MAX)
    throw invalidArgument('PIPELINE_FILE_INVALID', [
      { field: options.path, description: `has more than ${FILE_BYTES_MAX} characters; split it into several files.` },
    ]);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  if (!Array.isArray(documents) || documents.length === 0) throw empty(options.path);
  const violations: FieldViolation[] = [];
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${options.path}:${line}:${col}`;
  };
  const parsed = documents.map((document): ParsedPipeline | undefined => {
    const places = new Map<string, number>();
    const before = violations.length;
    for (const error of document.errors)
      violations.push({
        field: options.path,
        reason: 'YAML_SYNTAX',
        description: `${at(error.pos[0])}: ${error.message}`,
      });
    if (document.errors.length > 0) return undefined;
    const json = readMessage(
      {
        document,
        workspace: options.workspace,
        place: (path, node) => void places.set(path, offsetOf(node)),
        wrong: (path, node, reason, description) =>
          void violations.push({
            field: path || 'pipeline',
            reason,
            description: `${at(offsetOf(node))}: "${path || 'pipeline'}" ${description}`,
          }),
      },
      PipelineSchema,
      document.contents,
      '',
    );
    if (violations.length > before) return undefined;
    const located = (error: AppError) => locate(error, places, at);
    const pipeline = fromJson(PipelineSchema, json);
    try {
      validateMessage(PipelineSchema, pipeline);
    } catch (error) {
      if (!isAppError(error)) throw error;
      violations.push(...located(error).violations);
      return undefined;
    }
    const [start, , end] = document.range;
    return { pipeline, yaml: text.slice(start, end), locate: located };
  });
  if (violations.length > 0) throw invalidArgument('PIPELINE_FILE_INVALID', violations);
  return parsed.filter((p) => p !== undefined);
}

function locate(error: AppError, places: ReadonlyMap<string, number>, at: (offset: number) => string): AppError {
  const violations = error.violations.map((violation) => {
    const offset = nearestPlace(violation.field, places);
    if (offset === undefined) return violation;
    return { ...violation, description: `${at(offset)}: "${violation.field}" ${violation.description}` };
  });
  const { reason, fields } = error;
  const message = violations.length > 0 ? violations.map((v) => v.description).join('; ') : error.message;
  return new AppError(error.code, message, { reason, fields, violations, cause: error });
}

/** Where a field stands, or the innermost of those around it; paths of messages may use the proto's own field names. */
function nearestPlace(field: string, places: ReadonlyMap<string, number>): number | undefined {
  const camel = field.replace(/^pipeline\./, '').replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  for (let path = camel; path !== ''; path = path.replace(/(\.[^.[\]]*|\[[^\]]*\]|^[^.[\]]*)$/, '')) {
    const offset = places.get(path);
    if (offset !== undefined) return offset;
  }
  return undefined;
}

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function empty(path: string): AppError {
  return invalidArgument('PIPELINE_FILE_INVALID', [{ field: path, description: 'is empty; it must hold a pipeline.' }]);
}
