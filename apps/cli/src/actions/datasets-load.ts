import { randomUUID } from 'node:crypto';
import { isAbsolute, resolve } from 'node:path';
import type { Dataset } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { DatasetVersionState, WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionRun } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { FileFormat } from '@millrace/contracts/millrace/ingestion/v1/source';
import type { DataContract } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { isAppError } from '@millrace/kernel';
import { EXIT } from '../exit-codes.ts';
import { plainJson } from '../plain-json.ts';
import { idOf, nameOf, shortName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action, Input } from '../tree/spec.ts';
import { optionInvalid } from '../tree/spec.ts';
import { contractOf, reportVerdict, validateVersion, watchIngestion } from './load-steps.ts';

const FORMATS: Readonly<Record<string, FileFormat>> = {
  parquet: FileFormat.PARQUET,
  csv: FileFormat.CSV,
  ndjson: FileFormat.NDJSON,
};

/** `datasets load PATHS --into DATASET`: source and dataset as needed, load, judge, publish. */
export const loadDataset: Action = async (session, input) => {
  const into = input.text('into');
  if (into === undefined) throw optionInvalid('into', 'is missing. Name the dataset to load into: --into <dataset>.');
  const name = nameOf(session, 'dataset', into);
  const key = input.list('key').flatMap((k) => k.split(','));
  const { ingestion } = await session.client();
  const dataset = await findOrCreate(session, name, key);
  await settleCandidate(session, input, dataset);
  const source = nameOf(session, 'source', `${idOf(name).slice(0, 57)}-files`);
  await ingestion.updateSource({
    source: {
      name: source,
      description: `Files loaded with millrace datasets load into ${idOf(name)}`,
      location: {
        case: 'file',
        value: {
          paths: input.variadic(0).map((path) => (isAbsolute(path) ? path : resolve(path))),
          format: FORMATS[input.text('format') ?? ''] ?? FileFormat.UNSPECIFIED,
          delimiter: input.text('delimiter') ?? '',
        },
      },
    },
    allowMissing: true,
  });
  const cursor = input.text('cursor');
  const { ingestionRun } = await ingestion.createIngestionRun({
    parent: session.workspace,
    spec: {
      source,
      dataset: name,
      writeDisposition: disposition(input, dataset),
      ...(cursor !== undefined && { cursor: { column: cursor } }),
    },
    requestId: randomUUID(),
  });
  const load = await watchIngestion(session, (ingestionRun as IngestionRun).name);
  if (load.datasetVersion === '') {
    if (session.isJson) session.printJson({ ingestionRun: plainJson(load), validationRun: null });
    else session.print('Nothing new: the dataset is as it was.');
    return 0;
  }
  const contract = await contractOf(session, input.text('contract'), name);
  const judged = await validateVersion(session, load.datasetVersion, contract);
  const exitCode = reportVerdict(session, load, judged);
  if (exitCode === EXIT.ok && contract === '' && input.flag('inferContract'))
    await inferContract(session, name, load.datasetVersion);
  return exitCode;
};

/** A load that was interrupted before its rows were judged leaves a candidate; it is judged now, so that this one can go on. */
async function settleCandidate(session: Session, input: Input, dataset: Dataset): Promise<void> {
  if (dataset.latestVersion === '' || dataset.latestVersion === dataset.publishedVersion) return;
  const { ingestion } = await session.client();
  const { datasetVersion } = await ingestion.getDatasetVersion({ name: dataset.latestVersion });
  if (datasetVersion?.state !== DatasetVersionState.CANDIDATE) return;
  session.note(`${shortName(dataset.latestVersion)} was loaded before and not judged yet: judging it first.`);
  const contract = await contractOf(session, input.text('contract'), dataset.name);
  await validateVersion(session, dataset.latestVersion, contract);
}

async function findOrCreate(session: Session, name: string, key: readonly string[]): Promise<Dataset> {
  const { ingestion } = await session.client();
  try {
    const found = (await ingestion.getDataset({ name })).dataset as Dataset;
    if (key.length > 0 && key.join() !== found.primaryKey.join())
      throw optionInvalid(
        'key',
        `is ${key.join(', ')}, but ${idOf(name)} has ${found.primaryKey.length > 0 ? `the key ${found.primaryKey.join(', ')}` : 'no key'}. Leave --key out or load into another dataset.`,
      );
    return found;
  } catch (error) {
    if (!isAppError(error) || error.code !== 'NOT_FOUND') throw error;
    const { dataset } = await ingestion.createDataset({
      dataset: { name, primaryKey: [...key] },
      requestId: randomUUID(),
    });
    session.note(`Created dataset ${idOf(name)}${key.length > 0 ? ` with the key ${key.join(', ')}` : ''}.`);
    return dataset as Dataset;
  }
}

function disposition(input: Input, dataset: Dataset): WriteDisposition {
  if (input.flag('replace')) return WriteDisposition.REPLACE;
  return dataset.primaryKey.length > 0 ? WriteDisposition.MERGE : WriteDisposition.APPEND;
}

/** Makes the contract that later loads are judged by from what the published version holds. */
async function inferContract(session: Session, dataset: string, version: string): Promise<void> {
  const { validation } = await session.client();
  const inferred = (await validation.inferContract({ datasetVersion: version })).dataContract as DataContract;
  const name = nameOf(session, 'dataContract', idOf(dataset));
  await validation.createDataContract({ dataContract: { ...inferred, name, dataset }, requestId: randomUUID() });
  session.note(
    `Made data contract ${idOf(name)} with ${inferred.expectations.length} expectations from these rows; later loads are judged by it.`,
  );
}
