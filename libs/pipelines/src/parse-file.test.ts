import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { AppError } from '@millrace/kernel';
import { pipelineJsonSchema } from './json-schema.ts';
import { parsePipelineFile } from './parse-file.ts';

const options = { path: 'p.yaml', workspace: 'default' };

function failure(text: string): AppError {
  try {
    parsePipelineFile(text, options);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('accepted');
}

test('the example is four pipelines with completed names and spans', async () => {
  const text = await readFile(new URL('../../../examples/flight-delays/pipeline.yaml', import.meta.url), 'utf8');
  const [main, ...others] = parsePipelineFile(text, options).map((p) => p.pipeline);
  expect(others).toHaveLength(3);
  expect(main?.name).toBe('workspaces/default/pipelines/flight-delays');
  expect(main?.resources?.featureViews[0]?.refresh?.seconds).toBe(86_400n);
  expect(main?.resources?.featureViews[1]?.features[3]?.window?.seconds).toBe(604_800n);
  expect(main?.resources?.monitors[0]?.endpoint).toBe('workspaces/default/endpoints/flight-delays');
  const ingest = main?.steps[0]?.action;
  expect(ingest?.case === 'ingest' && ingest.value.source).toBe('workspaces/default/sources/flights-file');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the pipeline file, not of the test.
  expect(ingest?.case === 'ingest' && ingest.value.cursorEnd).toBe('${parameters.until}');
});

test('an unknown key is named with line, column and the key that was meant', () => {
  const error = failure('name: a\nsteps:\n  - id: x\n    ingst:\n      source: s\n      dataset: d\n');
  expect(error.reason).toBe('PIPELINE_FILE_INVALID');
  expect(error.violations).toEqual([
    expect.objectContaining({
      field: 'steps[0].ingst',
      reason: 'YAML_UNKNOWN_KEY',
      description: expect.stringMatching(/^p\.yaml:4:5: .*"ingest"/),
    }),
  ]);
});

test('all wrong fields are told at once', () => {
  const error = failure(
    'name: A/"b\nsteps:\n  - id: x\n    timeout: soon\n    deploy: { endpoint: e, modelVersion: [1] }\n    ingest: { source: s, dataset: d, writeDisposition: UPSERT }\n',
  );
  expect(error.violations.map((v) => v.field)).toEqual([
    'steps[0].timeout',
    'steps[0].deploy.modelVersion',
    'steps[0].ingest',
  ]);
});

test('rules of the contract are told with their place', () => {
  const error = failure('name: a\nsteps:\n  - id: 9x\n    deploy: { endpoint: e }\n');
  expect(error.violations[0]?.description).toMatch(/^p\.yaml:3:5: /);
});

test.each(['', ': :', 'name: a\nname: b\nsteps: []', '- 1', 'name: &a [*a]'])(
  'refuses %j with a typed error',
  (text) => {
    expect(failure(text)).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'PIPELINE_FILE_INVALID' });
  },
);

test('errors of services find their place by the path of the field', () => {
  const [parsed] = parsePipelineFile('name: a\nsteps:\n  - id: x\n    deploy: { endpoint: e }\n', options);
  const error = new AppError('INVALID_ARGUMENT', 'm', {
    reason: 'R',
    violations: [{ field: 'pipeline.steps[0].deploy.model_version', description: 'is missing' }],
  });
  expect(parsed?.locate(error).message).toBe('p.yaml:4:5: "pipeline.steps[0].deploy.model_version" is missing');
});

test('the JSON Schema knows every message of a pipeline', () => {
  const schema = pipelineJsonSchema() as { $defs: Record<string, { properties: object }> };
  expect(Object.keys(schema.$defs)).toEqual(
    expect.arrayContaining([
      'millrace.orchestrator.v1.Step',
      'millrace.featurestore.v1.FeatureView',
      'millrace.registry.v1.Gate',
    ]),
  );
});
