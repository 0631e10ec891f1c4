import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { DatasetVersion } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { DataContract } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type { ValidationService } from '@millrace/contracts/millrace/validation/v1/validation_service';
import { cancelJobs, enqueueJob, getJob, watchJob } from '@millrace/jobs';
import type { Digest } from '@millrace/kernel';
import { AppError, canonicalJson, names, notFound, sha256 } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { decodePageToken, nextPageToken } from '@millrace/postgres';
import type { TableProfile } from '@millrace/profiles';
import { compareProfiles, profileFromJson } from '@millrace/profiles';
import type { ServiceImpl } from '@millrace/rpc';
import { inferContract } from './infer-contract.ts';
import { datasetOf, type JudgeDeps, type JudgePayload } from './judge-version.ts';
import { deleteContract, findContract, insertContract, listContracts, updateContract } from './store/contracts.ts';
import type { ProfileRow } from './store/profiles.ts';
import { findProfile } from './store/profiles.ts';
import { findRun, insertRun, listRuns } from './store/runs.ts';
import {
  columnSummary,
  contractToDocument,
  contractToProto,
  driftToProto,
  runToDocument,
  runToProto,
} from './translate.ts';

const PAGE_DEFAULT = 100;

/** The handlers of ValidationService. */
export function createService(deps: JudgeDeps): ServiceImpl<typeof ValidationService> {
  const { platform, database, ingestion } = deps;
  const now = () => platform.clock.now();

  const contractOf = async (name: string) => {
    names.dataContract.parse(name);
    const row = await findContract(database, name);
    if (!row) throw notFound('DataContract', name);
    return contractToProto(row);
  };
  const requireRun = async (name: string) => {
    names.validationRun.parse(name);
    const row = await findRun(database, name);
    if (!row) throw notFound('ValidationRun', name);
    return row;
  };
  const versionOf = async (name: string): Promise<DatasetVersion> => {
    const { datasetVersion } = await ingestion.getDatasetVersion({ name });
    if (!datasetVersion) throw notFound('DatasetVersion', name);
    return datasetVersion;
  };
  const profileOf = async (version: string): Promise<{ row: ProfileRow; profile: TableProfile }> => {
    const row = await findProfile(database, version);
    if (!row) throw notFound('Profile', version);
    const text = Buffer.from(await platform.blobs.bytes(row.digest as Digest)).toString();
    return { row, profile: profileFromJson(text) };
  };

  return {
    async createDataContract({ dataContract }) {
      const contract = dataContract as DataContract;
      const { workspace } = checkContract(contract);
      const row = rowOf(contract, now());
      const isNew = await database.withTransaction((tx) => insertContract(tx, { ...row, workspace }));
      const stored = await contractOf(contract.name);
      if (!isNew && stored.etag !== row.etag)
        throw new AppError('ALREADY_EXISTS', `Data contract "${contract.name}" exists already; update it.`, {
          reason: 'DATA_CONTRACT_EXISTS',
          fields: { name: contract.name },
        });
      return { dataContract: stored };
    },
    async getDataContract({ name }) {
      return { dataContract: await contractOf(name) };
    },
    async listDataContracts({ parent, pageSize, pageToken }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [after = ''] = pageToken ? (decodePageToken(pageToken) as [string]) : [];
      const rows = await listContracts(database, workspace, after, limit + 1);
      return {
        dataContracts: rows.slice(0, limit).map(contractToProto),
        nextPageToken: nextPageToken(rows, limit, (row) => row.name),
      };
    },
    async updateDataContract({ dataContract, updateMask, allowMissing }) {
      const given = dataContract as DataContract;
      const { workspace } = checkContract(given);
      await database.withTransaction(async (tx) => {
        const known = await findContract(tx, given.name, true);
        if (!known) {
          if (!allowMissing) throw notFound('DataContract', given.name);
          await insertContract(tx, { ...rowOf(given, now()), workspace });
          return;
        }
        if (given.etag && given.etag !== known.etag) throw etagMismatch(given.name, known.etag);
        const row = rowOf(masked(contractToProto(known), given, updateMask?.paths ?? []), now());
        if (row.etag !== known.etag) await updateContract(tx, row);
      });
      return { dataContract: await contractOf(given.name) };
    },
    async deleteDataContract({ name, etag }) {
      names.dataContract.parse(name);
      await database.withTransaction(async (tx: Tx) => {
        const known = await findContract(tx, name, true);
        if (!known) throw notFound('DataContract', name);
        if (etag && etag !== known.etag) throw etagMismatch(name, known.etag);
        await deleteContract(tx, name);
      });
      return {};
    },
    async inferContract({ datasetVersion }) {
      const version = await versionOf(datasetVersion);
      const { profile } = await profileOf(version.name);
      return { dataContract: inferContract(datasetOf(version.name), version.table?.schema?.fields ?? [], profile) };
    },
    async createValidationRun({ parent, datasetVersion, dataContract, dryRun, requestId }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      names.datasetVersion.parse(datasetVersion, 'dataset_version');
      if (dataContract) await contractOf(dataContract);
      await versionOf(datasetVersion);
      const run = await database.withTransaction(async (tx) => {
        const id = platform.ids.next();
        const name = names.validationRun.format({ workspace, validationRun: id });
        const document = runToDocument({ name, datasetVersion, dataContract, dryRun });
        const stored = await insertRun(tx, {
          name,
          id,
          workspace,
          dataset: datasetOf(datasetVersion),
          requestId,
          document,
        });
        const payload: JudgePayload = { validationRun: stored.name };
        await enqueueJob(tx, { id: stored.id, kind: 'judge', resource: stored.name, payload });
        return stored;
      });
      return { validationRun: runToProto(await requireRun(run.name), await getJob(database, run.id)) };
    },
    async getValidationRun({ name }) {
      const row = await requireRun(name);
      return { validationRun: runToProto(row, await getJob(database, row.id)) };
    },
    async listValidationRuns({ parent, pageSize, pageToken, dataset }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [before = ''] = pageToken ? (decodePageToken(pageToken) as [string]) : [];
      const rows = await listRuns(database, workspace, dataset, before, limit + 1);
      const validationRuns = await Promise.all(
        rows.slice(0, limit).map(async (row) => runToProto(row, await getJob(database, row.id))),
      );
      return { validationRuns, nextPageToken: nextPageToken(rows, limit, (row) => row.id) };
    },
    async *watchValidationRun({ name }, { signal }) {
      const { id } = await requireRun(name);
      for await (const job of watchJob(database, id, signal))
        yield { validationRun: runToProto(await requireRun(name), job) };
    },
    async cancelValidationRun({ name }) {
      const row = await requireRun(name);
      await database.withTransaction((tx) => cancelJobs(tx, name));
      return { validationRun: runToProto(row, await getJob(database, row.id)) };
    },
    async getProfile({ datasetVersion }) {
      const version = await versionOf(datasetVersion);
      const { row, profile } = await profileOf(version.name);
      const types = new Map(version.table?.schema?.fields.map((field) => [field.name, field.type]));
      return {
        profile: {
          datasetVersion: version.name,
          blob: { digest: row.digest, sizeBytes: BigInt(row.sizeBytes), mediaType: 'application/json' },
          rows: BigInt(profile.rows),
          columns: profile.columns.map((column) => columnSummary(column, types.get(column.name) ?? 0)),
          createTime: timestampFromDate(row.createdAt),
        },
      };
    },
    async compareProfiles({ reference, current }) {
      const [a, b] = await Promise.all([versionOf(reference), versionOf(current)]);
      const [before, after] = [await profileOf(a.name), await profileOf(b.name)];
      const compared = compareProfiles(before.profile, after.profile);
      return { columns: compared.columns.map(driftToProto), driftedShare: compared.driftShare };
    },
  };
}

/** Checks what can be checked without a version: names and ids. */
function checkContract(contract: DataContract): { workspace: string } {
  const { workspace } = names.dataContract.parse(contract.name, 'data_contract.name');
  names.dataset.parse(contract.dataset, 'data_contract.dataset');
  return { workspace };
}

function rowOf(contract: DataContract, now: Date) {
  const document = contractToDocument(contract);
  const etag = sha256(canonicalJson(document)).slice('sha256:'.length, 'sha256:'.length + 16);
  return { name: contract.name, document, etag, createdAt: now, updatedAt: now };
}

/** The stored contract with the named fields of the given one; without names all of them. */
function masked(stored: DataContract, given: DataContract, paths: readonly string[]): DataContract {
  if (paths.length === 0) return given;
  const changed = { ...stored } as Record<string, unknown>;
  for (const path of paths) {
    const key = path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!(key in given)) {
      const description = `"${path}" is not a field of DataContract.`;
      throw new AppError('INVALID_ARGUMENT', description, {
        reason: 'FIELD_MASK_INVALID',
        violations: [{ field: 'update_mask', description }],
      });
    }
    changed[key] = given[key as keyof DataContract];
  }
  return changed as unknown as DataContract;
}

function etagMismatch(name: string, etag: string): AppError {
  return new AppError('ABORTED', `"${name}" has changed meanwhile. Read it again and repeat.`, {
    reason: 'ETAG_MISMATCH',
    fields: { name, etag },
  });
}
