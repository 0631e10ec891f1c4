import { create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { DatasetVersion } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { DatasetVersionState, WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type {
  IngestionService,
  SettleDatasetVersionRequest,
} from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { SettleDatasetVersionRequestSchema } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { DataContract } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { ValidationRunFinishedSchema } from '@millrace/contracts/millrace/validation/v1/validation_events';
import type { ValidationResult, ValidationRun } from '@millrace/contracts/millrace/validation/v1/validation_run';
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
 * Judges one version and carries out the verdict. Running it again after a crash carries out the same verdict again, which
 * ingestion takes as one.
 */
export async function judgeVersion(deps: JudgeDeps, context: JobContext<JudgePayload>): Promise<void> {
  const { database } = deps;
  const row = await findRun(database, context.payload.validationRun);
  if (!row) throw notFound('ValidationRun', context.payload.validationRun);
  const run = runOf(row);
  const { result, settlement, profile } = await judgeOnce(deps, context, run);
  if (!run.dryRun) await deps.ingestion.settleDatasetVersion(settlement);
  await context.commit(async (tx) => {
    await updateRun(tx, run.name, runToDocument({ ...run, result }));
    if (!run.dryRun) await upsertProfile(tx, datasetOf(run.datasetVersion), profile);
    await emitEvent(tx, {
      subject: 'millrace.validation.v1.validation_run.finished',
      resource: datasetOf(run.datasetVersion),
      schema: ValidationRunFinishedSchema,
      message: {
        validationRun: run.name,
        datasetVersion: run.datasetVersion,
        state: JobState.SUCCEEDED,
        verdict: result.verdict,
        quarantinedRows: result.quarantinedRows,
      },
    });
  });
}

/** What judging has come to, and what follows from it. */
interface Judgement {
  readonly result: ValidationResult;
  readonly settlement: SettleDatasetVersionRequest;
  readonly profile: ProfileRow;
}

/** A judgement as the job's checkpoint. */
interface SavedJudgement {
  readonly result: JsonValue;
  readonly settlement: JsonValue;
  readonly profile: Omit<ProfileRow, 'createdAt'> & { readonly createdAt: string };
}

/**
 * Judges, or gives what an attempt before has come to: once settled, the version no longer has the rows that were put
 * aside, so it must not be judged again.
 */
async function judgeOnce(deps: JudgeDeps, context: JobContext<JudgePayload>, run: ValidationRun): Promise<Judgement> {
  const saved = await context.checkpoint<SavedJudgement>();
  if (saved)
    return {
      result: fromJson(ValidationResultSchema, saved.result),
      settlement: fromJson(SettleDatasetVersionRequestSchema, saved.settlement),
      profile: { ...saved.profile, createdAt: new Date(saved.profile.createdAt) },
    };
  const judgement = await judge(deps, context, run);
  const checkpoint: SavedJudgement = {
    result: toJson(ValidationResultSchema, judgement.result),
    settlement: toJson(SettleDatasetVersionRequestSchema, judgement.settlement),
    profile: { ...judgement.profile, createdAt: judgement.profile.createdAt.toISOString() },
  };
  await context.saveCheckpoint(checkpoint);
  return judgement;
}

async function judge(deps: JudgeDeps, context: JobContext<JudgePayload>, run: ValidationRun): Promise<Judgement> {
  const { platform, database } = deps;
  const version = await getVersion(deps, run.datasetVersion);
  requireCandidate(version, run.dryRun);
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
  const ruleIds = rules.filter(findsRows).map((rule) => rule.expectation.id);
  return { result, settlement: await settlementOf(deps, run, ruleIds, judged, result), profile };
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

function requireCandidate(version: DatasetVersion, isDryRun: boolean): void {
  if (isDryRun || version.state === DatasetVersionState.CANDIDATE) return;
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

/** The candidate as it was loaded. */
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

async function settlementOf(
  { platform }: JudgeDeps,
  run: ValidationRun,
  ruleIds: readonly string[],
  judged: JudgedRows,
  result: ValidationResult,
): Promise<SettleDatasetVersionRequest> {
  const isPublished = result.verdict === Verdict.PUBLISH;
  const { findings, published } = judged;
  const quarantinedByRule = Object.fromEntries(
    ruleIds.map((id, i) => [id, BigInt(findings.counts[i]?.quarantined ?? 0)] as const).filter(([, rows]) => rows > 0n),
  );
  return create(SettleDatasetVersionRequestSchema, {
    name: run.datasetVersion,
    verdict: isPublished ? DatasetVersionState.PUBLISHED : DatasetVersionState.REJECTED,
    validationRun: run.name,
    rejection: result.rejection,
    ...(isPublished &&
      judged.deadLetters && {
        table: await savedTable(platform, published),
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
