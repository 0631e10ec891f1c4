import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type DatasetVersion,
  DatasetVersionSchema,
  DatasetVersionState,
  WriteDisposition,
} from '@millrace/contracts/millrace/ingestion/v1/dataset';
import {
  IngestionService,
  type SettleDatasetVersionRequest,
} from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { DataContractSchema } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type { ValidationRun } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { ValidationService } from '@millrace/contracts/millrace/validation/v1/validation_service';
import { AppError, type Digest, notFound } from '@millrace/kernel';
import type { Platform } from '@millrace/process';
import { implement, type ServiceRegistration } from '@millrace/rpc';
import type { Manifest } from '@millrace/tables';
import { appendManifest, createManifest, loadManifest, saveManifest } from '@millrace/tables';
import { createTestPlatform } from '@millrace/testing';
import { createValidationModule, validationConfigSchema } from '../src/module.ts';
import { tableRefOf } from '../src/translate.ts';

/** The workspace of all tests. */
export const WORKSPACE = 'workspaces/default';

/** Ingestion as far as validation asks it: versions, and their verdicts, which are final. */
export class FakeIngestion {
  /** Every verdict that was asked for, in order. */
  readonly settled: SettleDatasetVersionRequest[] = [];
  /** Called after a verdict has been taken, before it is answered. */
  afterSettle: () => Promise<void> = async () => undefined;
  readonly #versions = new Map<string, DatasetVersion>();

  /** The service to register on the test server. */
  readonly registration: ServiceRegistration = implement(IngestionService, {
    getDatasetVersion: ({ name }) => ({ datasetVersion: this.version(name) }),
    settleDatasetVersion: async (request) => {
      const version = this.version(request.name);
      if (version.state === DatasetVersionState.CANDIDATE) {
        version.state = request.verdict;
        version.validationRun = request.validationRun;
        if (request.table) version.table = request.table;
        this.settled.push(request);
      } else if (version.state !== request.verdict)
        throw new AppError('FAILED_PRECONDITION', `${request.name} is settled.`, { reason: 'DATASET_VERSION_SETTLED' });
      await this.afterSettle();
      return { datasetVersion: version };
    },
  });

  /** A version as it stands. */
  version(name: string): DatasetVersion {
    const version = this.#versions.get(name);
    if (!version) throw notFound('DatasetVersion', name);
    return version;
  }

  /** Makes a candidate of the rows of a query, added to those of `parent`; gives its name. */
  async add(platform: Platform, dataset: string, sql: string, parent?: string): Promise<string> {
    const base = parent === undefined ? undefined : await manifestOf(platform, this.version(parent));
    const name = `${WORKSPACE}/datasets/${dataset}/versions/${base ? base.sequence + 1 : 1}`;
    const written = await platform.tables.writeParquet({ sql, ...(base && { schema: base.schema }) });
    const { files } = written;
    const manifest = base
      ? appendManifest(base, { files })
      : createManifest(`${WORKSPACE}/datasets/${dataset}`, { schema: written.schema, files });
    const digest = await saveManifest(platform.blobs, manifest);
    const version = create(DatasetVersionSchema, {
      name,
      state: DatasetVersionState.CANDIDATE,
      table: tableRefOf(manifest, digest, await platform.blobs.sizeOf(digest)),
      parent: parent ?? '',
      writeDisposition: WriteDisposition.APPEND,
      loadedRows: BigInt(written.rows),
      addedFiles: files.map((file) => file.digest),
    });
    this.#versions.set(name, version);
    return name;
  }
}

function manifestOf(platform: Platform, version: DatasetVersion): Promise<Manifest> {
  return loadManifest(platform.blobs, version.table?.manifest?.digest as Digest);
}

/** The validation service on a real platform, with a fake ingestion. */
export async function createRig() {
  const ingestion = new FakeIngestion();
  const testPlatform = await createTestPlatform({
    modules: (platform) => [
      createValidationModule({ config: validationConfigSchema.parse({ leaseMs: 2000 }), platform }),
    ],
    fakes: [ingestion.registration],
  });
  const { platform } = testPlatform;
  const validation = testPlatform.client(ValidationService);
  const ended = async (name: string): Promise<ValidationRun> => {
    let last: ValidationRun | undefined;
    for await (const { validationRun } of validation.watchValidationRun({ name })) last = validationRun;
    if (!last) throw new Error(`No state of ${name}`);
    return last;
  };
  const start = async (datasetVersion: string, dataContract: string, dryRun = false): Promise<string> => {
    const { validationRun } = await validation.createValidationRun({
      parent: WORKSPACE,
      datasetVersion,
      dataContract,
      dryRun,
    });
    return validationRun?.name ?? '';
  };
  return {
    testPlatform,
    platform,
    ingestion,
    validation,
    ended,
    start,
    add: (dataset: string, sql: string, parent?: string) => ingestion.add(platform, dataset, sql, parent),
    /** Stores a contract for a dataset under the dataset's name; gives the contract's name. */
    async contract(dataset: string, contract: MessageInitShape<typeof DataContractSchema>): Promise<string> {
      const name = `${WORKSPACE}/dataContracts/${dataset}`;
      await validation.createDataContract({
        dataContract: { ...contract, name, dataset: `${WORKSPACE}/datasets/${dataset}` },
      });
      return name;
    },
    /** Judges a version and waits for the end. */
    async judge(datasetVersion: string, dataContract = '', dryRun = false): Promise<ValidationRun> {
      return ended(await start(datasetVersion, dataContract, dryRun));
    },
    /** The rows of a Parquet blob. */
    async rowsOf(digest: string): Promise<Record<string, unknown>[]> {
      const path = await platform.blobs.localPath(digest as Digest);
      return platform.tables.withConnection((connection) => connection.rows(`SELECT * FROM read_parquet('${path}')`));
    },
    /** The rows that readers of a version see, ordered by the column. */
    async published(version: string, orderBy: string): Promise<Record<string, unknown>[]> {
      const manifest = await manifestOf(platform, ingestion.version(version));
      return platform.tables.withConnection(
        (connection) => connection.rows(`SELECT * FROM version ORDER BY ${orderBy}`),
        { inputs: { version: manifest } },
      );
    },
    stop: () => testPlatform.stop(),
  };
}

/** A rig of {@link createRig}. */
export type Rig = Awaited<ReturnType<typeof createRig>>;
