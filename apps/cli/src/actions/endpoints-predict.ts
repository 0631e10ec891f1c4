import { readFile } from 'node:fs/promises';
import { AppError, invalidArgument, messageOf } from '@millrace/kernel';
import { nearest } from '@millrace/pipelines';
import type { GivenColumns } from '../inference/given-rows.ts';
import { columnsFromJson, columnsFromPairs } from '../inference/given-rows.ts';
import type { TensorType } from '../inference/tensors.ts';
import { inputTensor, outputValues } from '../inference/tensors.ts';
import { details } from '../render/details.ts';
import { duration } from '../render/format.ts';
import { idOf, nameOf } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action, Input } from '../tree/spec.ts';
import { optionInvalid } from '../tree/spec.ts';

/** `endpoints predict ENDPOINT`. */
export const predict: Action = async (session, input) => {
  const columns = await readColumns(session, input);
  const modelName = idOf(nameOf(session, 'endpoint', input.argument(0)));
  const { inference } = await session.client();
  const metadata = await inference.modelMetadata({ name: modelName });
  const inputs = [...columns].map(([name, values]) => inputTensor(typeOf(name, metadata.inputs), values));
  const begin = performance.now();
  const answer = await inference.modelInfer(
    { modelName, id: input.text('id') ?? '', inputs },
    { signal: session.signal },
  );
  const millis = performance.now() - begin;
  const outputs = outputValues(answer);
  if (session.isJson) {
    session.printJson({ modelName: answer.modelName, modelVersion: answer.modelVersion, id: answer.id, outputs });
    return 0;
  }
  const rows = Object.values(outputs)[0]?.length ?? 0;
  session.print(
    details(
      [
        ['answered by', `${answer.modelName} ${session.style.dim(`version ${answer.modelVersion}`)}`],
        ['prediction id', answer.id],
        ['took', duration(millis)],
        ...(rows === 1
          ? Object.entries(outputs).map(([name, values]) => [name, session.style.bold(String(values[0]))] as const)
          : []),
      ],
      { width: session.width, name: session.style.dim },
    ),
  );
  if (rows === 1) return 0;
  session.print('');
  await session.printTable(
    Array.from({ length: rows }, (_, i) => i),
    [
      { title: 'ROW', value: (i) => String(i), align: 'right', priority: 0 },
      ...Object.entries(outputs).map(([name, values]) => ({
        title: name,
        value: (i: number) => String(values[i] ?? ''),
        align: 'right' as const,
        priority: 0,
      })),
    ],
    'No rows.',
  );
  return 0;
};

async function readColumns(session: Session, input: Input): Promise<GivenColumns> {
  const file = input.text('jsonFile');
  const pairs = input.pairs('input');
  if (file !== undefined && pairs.length > 0)
    throw optionInvalid('jsonFile', 'and --input exclude each other. Leave out one of them.');
  if (file === undefined) {
    if (pairs.length > 0) return columnsFromPairs(pairs);
    throw optionInvalid('input', 'is missing. Give the inputs: --input name=value, or --json-file <file>.');
  }
  const text = file === '-' ? await session.io.readStdin() : await read(file);
  return columnsFromJson(text, file === '-' ? '<stdin>' : file);
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('NOT_FOUND', `${path} cannot be read: ${messageOf(cause)}. Name a file that exists.`, {
      reason: 'FILE_NOT_FOUND',
      cause,
    });
  }
}

/** The endpoint's own datatype of an input. Throws INVALID_ARGUMENT `INPUT_UNKNOWN` naming the one that was meant. */
function typeOf(name: string, known: readonly TensorType[]): TensorType {
  const found = known.find((tensor) => tensor.name === name);
  if (found) return found;
  const all = known.map((tensor) => tensor.name);
  const meant = nearest(name, all);
  throw invalidArgument('INPUT_UNKNOWN', [
    {
      field: `--input ${name}`,
      reason: 'INPUT_UNKNOWN',
      description: `is no input${meant ? `; did you mean "${meant}"?` : '.'} There are ${all.join(', ')}.`,
    },
  ]);
}
