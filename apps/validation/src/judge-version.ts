import { create } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { DatasetVersion } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { DatasetVersionState, WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { DataContract } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { ValidationRunFinishedSchema } from '@millrace/contracts/millrace/validation/v1/validation_events';
import type { ValidationResult } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { ValidationResultSchema, Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { emitEvent } from '@millrace/events';
import type { JobContext } from '@millrace/jobs';
import type { Digest } from '@millrace/kernel';
import { AppError, names, notFound } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import type { TableProfile } from '@millrace/profiles';
import { profileFromJson, profileToJson } from '@millrace/profiles';
import type { Client } from '@millrace/rpc';
import type { Manifest } from '@millrace/tables';
import { loadManifest, saveManifest } from '@millrace/tables';
import { changeAnomalies, schemaAnomalies } from './domain/anomalies.ts';
import { compileRules } from './domain/compile-rules.ts';
import { findsRows } from './domain/rules.ts';
import { decide, judgeExpectations } from './domain/verdict.ts';
import { type Candidate, type JudgedRows, judgeRows } from './judge-rows.ts';
import { findContract } from './store/contracts.ts';
import type { ProfileRow } from './store/profiles.ts';
import { findProfile, upsertProfile } from './store/profiles.ts';
import { findRun, updateRun } from './store/runs.ts';
import { contractToProto, runOf, runToDocument, tableRefOf } from './translate.ts';

/** What a run's job is given. */
export interface JudgePayload {
  readonly validationRun: string;
}

/** What judging works with. */
export interface JudgeDeps {
  readonly platform: Platform;
  readonly database: Database;
  readonly ingestion: Client<typeof IngestionService>;
}

/**
 * Judges one version and carries out the verdict. Running it again after a crash judges the same rows and settles the
 * version in the same way, which ingestion takes as one.
 */
export async function judgeVersion(deps: JudgeDeps, context: JobContext<JudgePayload>): Promise<void> {
  const { platform, database } = deps;
  const row = await findRun(database, context.payload.validationRun);
  if (!row) throw notFound('ValidationRun', context.payload.validationRun);
  const run = runOf(row);
  const version = await getVersion(deps, run.datasetVersion);
  requireCandidate(version, run.name, run.dryRun);
  const contract = run.dataContract ? await requireContract(database, run.dataContract) : undefined;
  const candidate = await readCandidate(deps, version);
  const { schema } = candidate.manifest;
  const rules = contract
    ? await compileRules(contract, { schema, serializeSql: (sql) => platform.tables.serializeSql(sql) })
    : [];
  const missing = contract ? schemaAnomalies(contract, schema) : [];
  const directory = await platform.serviceDirectory('validation');
  const rows = candidate.manifest.rows;
  const judged = await judgeRows(platform, directory, candidate, rules, context.signal, (fraction, message) =>
    context.progress({ fraction, message, rows }),
  );
  const before = contract?.anomaly ? await versionBefore(deps, version) : undefined;
  const anomalies = [
    ...missing,
    ...(contract?.anomaly && before ? changeAnomalies(contract.anomaly, before, judged.addedProfile) : []),
  ];
  const expectations = judgeExpectations(rules, judged.findings, judged.samples);
  const { verdict, rejection } = decide(contract, expectations, anomalies, judged.findings);
  context.progress({ fraction: 0.9, message: verdict === Verdict.PUBLISH ? 'publishing' : 'rejecting', rows });
  const profile = await storeProfiles(platform, version, judged);
  const result = create(ValidationResultSchema, {
    verdict,
    rejection,
    expectations,
    anomalies,
    evaluatedRows: BigInt(judged.findings.rows),
    quarantinedRows: BigInt(verdict === Verdict.PUBLISH ? judged.findings.quarantinedRows : 0),
    ...(judged.brokenRows && { brokenRows: judged.brokenRows }),
    profile: { digest: profile.digest, sizeBytes: BigInt(profile.sizeBytes), mediaType: 'application/json' },
  });
  if (!run.dryRun)
    await settle(
      deps,
      version,
      run.name,
      rules.filter(findsRows).map((rule) => rule.expectation.id),
      judged,
      result,
    );
  await context.commit(async (tx) => {
    await updateRun(tx, run.name, runToDocument({ ...run, result }));
    if (!run.dryRun) await upsertProfile(tx, datasetOf(version.name), profile);
    await emitEvent(tx, {
      subject: 'millrace.validation.v1.validation_run.finished',
      resource: datasetOf(version.name),
      schema: ValidationRunFinishedSchema,
      message: {
        validationRun: run.name,
        datasetVersion: version.name,
        state: JobState.SUCCEEDED,
        verdict,
        quarantinedRows: result.quarantinedRows,
      },
    });
  });
}

/** Name of the dataset of a version. */
export function datasetOf(version: string): string {
  const { workspace, dataset } = names.datasetVersion.parse(version, 'dataset_version');
  return names.dataset.format({ workspace, dataset });
}

async function getVersion({ ingestion }: JudgeDeps, name: string): Promise<DatasetVersion> {
  const { datasetVersion } = await ingestion.getDatasetVersion({ name });
  if (!datasetVersion) throw notFound('DatasetVersion', name);
  return datasetVersion;
}

/** A candidate, or a version that this very run has settled before it was interrupted. */
function requireCandidate(version: DatasetVersion, run: string, isDryRun: boolean): void {
  if (isDryRun || version.state === DatasetVersionState.CANDIDATE || version.validationRun === run) return;
  const state = DatasetVersionState[version.state];
  throw new AppError(
    'FAILED_PRECONDITION',
    `Version "${version.name}" is ${state} already. Only a candidate is judged; use dry_run to look at others.`,
    {
      reason: 'DATASET_VERSION_SETTLED',
      fields: { datasetVersion: version.name, state },
    },
  );
}

async function requireContract(database: Database, name: string): Promise<DataContract> {
  const row = await findContract(database, name);
  if (!row) throw notFound('DataContract', name);
  return contractToProto(row);
}

/** The candidate as it was loaded: its own manifest also when this run has settled it already. */
async function readCandidate(deps: JudgeDeps, version: DatasetVersion): Promise<Candidate> {
  const { platform } = deps;
  const manifest = await loadManifest(platform.blobs, version.table?.manifest?.digest as Digest);
  const addedFiles = new Set(version.addedFiles);
  const isWhole = manifest.files.every((file) => addedFiles.has(file.digest));
  const isAppended = version.writeDisposition === WriteDisposition.APPEND;
  const parentProfile = isAppended && !isWhole && version.parent ? await readProfile(deps, version.parent) : undefined;
  if (isWhole || parentProfile) return { name: version.name, manifest, addedFiles, parentProfile };
  // The rest of the rows is not known by a profile: all of them are judged and profiled.
  return {
    name: version.name,
    manifest,
    addedFiles: new Set(manifest.files.map((file) => file.digest)),
    parentProfile: undefined,
  };
}

async function readProfile({ platform, database }: JudgeDeps, version: string): Promise<TableProfile | undefined> {
  const row = await findProfile(database, version);
  return row && profileFromJson(Buffer.from(await platform.blobs.bytes(row.digest as Digest)).toString());
}

/** What the version before added; undefined where nothing was published before. */
async function versionBefore({ platform, database }: JudgeDeps, version: DatasetVersion) {
  const row = version.parent ? await findProfile(database, version.parent) : undefined;
  if (!row) return undefined;
  const text = Buffer.from(await platform.blobs.bytes(row.addedDigest as Digest)).toString();
  return { addedRows: row.addedRows, addedProfile: profileFromJson(text) };
}

async function storeProfiles(platform: Platform, version: DatasetVersion, judged: JudgedRows): Promise<ProfileRow> {
  const { blobs, clock } = platform;
  const added = await blobs.put(Buffer.from(profileToJson(judged.addedProfile)));
  const whole = await blobs.put(Buffer.from(profileToJson(judged.profile)));
  return {
    datasetVersion: version.name,
    digest: whole.digest,
    sizeBytes: whole.sizeBytes,
    addedDigest: added.digest,
    addedRows: judged.addedProfile.rows,
    rowCount: judged.profile.rows,
    createdAt: clock.now(),
  };
}

async function settle(
  deps: JudgeDeps,
  version: DatasetVersion,
  validationRun: string,
  ruleIds: readonly string[],
  judged: JudgedRows,
  result: ValidationResult,
): Promise<void> {
  const isPublished = result.verdict === Verdict.PUBLISH;
  const { findings, published } = judged;
  const quarantinedByRule = Object.fromEntries(
    ruleIds.map((id, i) => [id, BigInt(findings.counts[i]?.quarantined ?? 0)] as const).filter(([, rows]) => rows > 0n),
  );
  await deps.ingestion.settleDatasetVersion({
    name: version.name,
    verdict: isPublished ? DatasetVersionState.PUBLISHED : DatasetVersionState.REJECTED,
    validationRun,
    rejection: result.rejection,
    ...(isPublished &&
      judged.deadLetters && {
        table: await savedTable(deps.platform, published),
        deadLetters: judged.deadLetters,
        quarantinedByRule,
        quarantinedRows: BigInt(findings.quarantinedRows),
      }),
  });
}

async function savedTable(platform: Platform, manifest: Manifest) {
  const digest = await saveManifest(platform.blobs, manifest);
  return tableRefOf(manifest, digest, await platform.blobs.sizeOf(digest));
}
