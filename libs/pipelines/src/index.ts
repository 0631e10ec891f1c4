/** Pipeline files: YAML to the Pipeline message, with line and column in every error, and the JSON Schema for editors. */
export { durationJson } from './duration.ts';
export { pipelineJsonSchema } from './json-schema.ts';
export { completeName, hasReference } from './name-fields.ts';
export type { ParsedPipeline, ParseOptions } from './parse-file.ts';
export { parsePipelineFile } from './parse-file.ts';
export { nearest } from './suggest.ts';
