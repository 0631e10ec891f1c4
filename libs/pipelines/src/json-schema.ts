import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';

type Json = Record<string, unknown>;

/** The JSON Schema (draft 2020-12) of a pipeline file's documents, for editors: `# yaml-language-server: $schema=…`. */
export function pipelineJsonSchema(): Json {
  const definitions: Record<string, Json> = {};
  const root = messageSchema(PipelineSchema, definitions);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Millrace pipeline',
    ...root,
    $defs: Object.fromEntries(Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function messageSchema(message: DescMessage, definitions: Record<string, Json>): Json {
  if (message.typeName === 'google.protobuf.Duration')
    return { type: 'string', pattern: '^(\\d+(\\.\\d+)?(ms|s|m|h|d|w))+$', examples: ['90s', '15m', '1h', '7d'] };
  if (message.typeName === 'google.protobuf.Timestamp') return { type: 'string', examples: ['2001-04-01T00:00:00Z'] };
  if (!definitions[message.typeName]) {
    const definition: Json = { type: 'object', additionalProperties: false };
    definitions[message.typeName] = definition;
    definition.properties = Object.fromEntries(message.fields.map((f) => [f.jsonName, fieldSchema(f, definitions)]));
  }
  return { $ref: `#/$defs/${message.typeName}` };
}

function fieldSchema(field: DescField, definitions: Record<string, Json>): Json {
  if (field.fieldKind === 'list') return { type: 'array', items: singleSchema(field, field.listKind, definitions) };
  if (field.fieldKind === 'map')
    return { type: 'object', additionalProperties: singleSchema(field, field.mapKind, definitions) };
  return singleSchema(field, field.fieldKind, definitions);
}

function singleSchema(field: DescField, kind: DescField['fieldKind'], definitions: Record<string, Json>): Json {
  if (kind === 'message' && field.message) return messageSchema(field.message, definitions);
  if (kind === 'enum' && field.enum) {
    const prefix = field.enum.sharedPrefix?.toUpperCase() ?? '';
    const values = field.enum.values.filter((v) => v.number !== 0);
    return { enum: values.flatMap((v) => [v.name.slice(prefix.length), v.name]) };
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return { type: ['string', 'number', 'boolean'] };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    default:
      return { type: 'integer' };
  }
}
