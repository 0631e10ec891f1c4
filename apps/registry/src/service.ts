import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ModelVersion, ModelVersionSchema } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { ModelVersionRegisteredSchema } from '@millrace/contracts/millrace/registry/v1/registry_events';
import type { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { emitEvent } from '@millrace/events';
import { enqueueJob, getJob, watchJob } from '@millrace/jobs';
import type { Digest } from '@millrace/kernel';
import { AppError, canonicalJson, names, notFound, sha256 } from '@millrace/kernel';
import type { Database, Tx } from '@millrace/postgres';
import { decodePageToken, nextPageToken } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import type { ServiceImpl } from '@millrace/rpc';
import { setAlias } from './alias-changes.ts';
import type { Signer } from './domain/statement.ts';
import type { PromotionPayload } from './promotion-job.ts';
import { collectProvenance, type Origins } from './register.ts';
import { insertHistory, listHistory } from './store/history.ts';
import {
  deleteModel,
  findAlias,
  findModel,
  insertModel,
  listModels,
  lockModel,
  removeAlias,
  setLatestNumber,
} from './store/models.ts';
import { findPromotion, insertPromotion, listPromotions } from './store/promotions.ts';
import { findVersion, findVersionOfJob, insertVersion, listVersions } from './store/versions.ts';
import {
  historyToProto,
  modelToProto,
  promotionToDocument,
  promotionToProto,
  versionToDocument,
  versionToProto,
} from './translate.ts';

const PAGE_DEFAULT = 100;
const NUMBER_MAX = 2 ** 31 - 1;
const ID_MAX = Number.MAX_SAFE_INTEGER;

/** What the handlers work with. */
export interface ServiceDeps {
  readonly platform: Platform;
  readonly database: Database;
  readonly origins: Origins;
  readonly signer: () => Signer;
}

/** The handlers of RegistryService. */
export function createService(deps: ServiceDeps): ServiceImpl<typeof RegistryService> {
  const { database, platform } = deps;
  const now = () => platform.clock.now();

  return {
    async createRegisteredModel({ registeredModel: model }) {
      const { workspace } = names.registeredModel.parse(model?.name ?? '', 'registered_model.name');
      const name = model?.name ?? '';
      const description = model?.description ?? '';
      const row = { name, workspace, description, etag: etagOf(name, description, now()), createdAt: now() };
      const isNew = await database.withTransaction((tx) => insertModel(tx, row));
      const stored = await requireModel(database, name);
      if (!isNew && stored.description !== description)
        throw new AppError('ALREADY_EXISTS', `Model "${name}" exists already.`, {
          reason: 'REGISTERED_MODEL_EXISTS',
          fields: { name },
        });
      return { registeredModel: modelToProto(stored) };
    },
    async getRegisteredModel({ name }) {
      names.registeredModel.parse(name);
      return { registeredModel: modelToProto(await requireModel(database, name)) };
    },
    async listRegisteredModels({ parent, pageSize, pageToken }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [after = ''] = pageToken ? (decodePageToken(pageToken) as [string]) : [];
      const rows = await listModels(database, workspace, after, limit + 1);
      return {
        registeredModels: rows.slice(0, limit).map(modelToProto),
        nextPageToken: nextPageToken(rows, limit, (row) => row.name),
      };
    },
    async deleteRegisteredModel({ name, etag }) {
      names.registeredModel.parse(name);
      await database.withTransaction(async (tx) => {
        await lockModel(tx, name);
        const model = await requireModel(tx, name);
        if (etag && etag !== model.etag) throw etagMismatch(name, model.etag);
        await deleteModel(tx, name);
      });
      return {};
    },
    async registerModelVersion(request) {
      const { registeredModel: model, trainingJob } = request;
      const { workspace } = names.registeredModel.parse(model, 'registered_model');
      names.trainingJob.parse(trainingJob, 'training_job');
      const known = await findVersionOfJob(database, model, trainingJob);
      if (known) return { modelVersion: versionToProto(known) };
      const provenance = await collectProvenance(deps.origins, trainingJob, request.pipelineRun);
      const { result } = provenance.job;
      return database.withTransaction(async (tx) => {
        await insertModel(tx, {
          name: model,
          workspace,
          description: '',
          etag: etagOf(model, '', now()),
          createdAt: now(),
        });
        const { latestNumber } = (await lockModel(tx, model)) ?? { latestNumber: 0 };
        const raced = await findVersionOfJob(tx, model, trainingJob);
        if (raced) return { modelVersion: versionToProto(raced) };
        const number = latestNumber + 1;
        const name = `${model}/versions/${number}`;
        const version: MessageInitShape<typeof ModelVersionSchema> = {
          name,
          ...(result?.model && { model: result.model }),
          ...(result?.signature && { signature: result.signature }),
          ...(result?.parity && { parity: result.parity }),
          ...(result?.profile && { profile: result.profile }),
          metrics: result?.metrics ?? {},
          intervals: result?.intervals ?? {},
          lineage: provenance.lineage,
          signatureBase64: deps.signer().sign({
            name,
            modelDigest: result?.model?.digest ?? '',
            profileDigest: result?.profile?.digest ?? '',
            featureService: provenance.lineage.featureService,
          }),
          signatureKeyId: deps.signer().keyId,
          createTime: timestampFromDate(now()),
        };
        await insertVersion(tx, {
          name,
          model,
          number,
          trainingJob,
          document: versionToDocument(version),
          createdAt: now(),
        });
        await setLatestNumber(tx, model, number, etagOf(model, String(number), now()));
        await insertHistory(tx, model, {
          kind: 'REGISTERED',
          version: name,
          alias: '',
          actor: request.actor,
          comment: '',
          happenedAt: now(),
        });
        await emitEvent(tx, {
          subject: 'millrace.registry.v1.model_version.registered',
          resource: model,
          schema: ModelVersionRegisteredSchema,
          message: { modelVersion: version },
        });
        return { modelVersion: version };
      });
    },
    async getModelVersion({ name, alias }) {
      return { modelVersion: await resolveVersion(database, name, alias) };
    },
    async listModelVersions({ parent, pageSize, pageToken }) {
      names.registeredModel.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [before = NUMBER_MAX] = pageToken ? (decodePageToken(pageToken) as [number]) : [];
      const rows = await listVersions(database, parent, before, limit + 1);
      return {
        modelVersions: rows.slice(0, limit).map(versionToProto),
        nextPageToken: nextPageToken(rows, limit, (row) => row.number),
      };
    },
    async setAlias({ modelVersion: version, alias, actor, comment }) {
      const model = modelOf(version, 'model_version');
      await requireVersion(database, version);
      await database.withTransaction((tx) =>
        setAlias(tx, { model, alias, version, actor, comment, kind: 'ALIAS_SET', now: now() }),
      );
      return { modelVersion: await requireVersion(database, version) };
    },
    async deleteAlias({ registeredModel: model, alias, actor }) {
      names.registeredModel.parse(model, 'registered_model');
      await database.withTransaction(async (tx) => {
        await lockModel(tx, model);
        const version = await removeAlias(tx, model, alias);
        if (version)
          await insertHistory(tx, model, {
            kind: 'ALIAS_REMOVED',
            version,
            alias,
            actor,
            comment: '',
            happenedAt: now(),
          });
      });
      return {};
    },
    async promoteModelVersion(request) {
      const { modelVersion, alias, gates, actor, requestId } = request;
      const model = modelOf(modelVersion, 'model_version');
      await requireVersion(database, modelVersion);
      const id = await database.withTransaction(async (tx) => {
        const newId = platform.ids.next();
        const document = promotionToDocument({ id: newId, modelVersion, alias, gates, actor });
        const stored = await insertPromotion(tx, { id: newId, model, requestId, document, createdAt: now() });
        const payload: PromotionPayload = { model, id: stored };
        await enqueueJob(tx, { id: stored, kind: 'promotion', resource: modelVersion, payload });
        return stored;
      });
      return { promotion: await requirePromotion(database, model, id) };
    },
    async getPromotion({ registeredModel: model, id }) {
      names.registeredModel.parse(model, 'registered_model');
      return { promotion: await requirePromotion(database, model, id) };
    },
    async listPromotions({ parent, pageSize, pageToken }) {
      names.registeredModel.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [before = ''] = pageToken ? (decodePageToken(pageToken) as [string]) : [];
      const rows = await listPromotions(database, parent, before, limit + 1);
      const promotions = await Promise.all(
        rows.slice(0, limit).map(async (row) => promotionToProto(row, await getJob(database, row.id))),
      );
      return { promotions, nextPageToken: nextPageToken(rows, limit, (row) => row.id) };
    },
    async *watchPromotion({ registeredModel: model, id }, { signal }) {
      names.registeredModel.parse(model, 'registered_model');
      await requirePromotion(database, model, id);
      for await (const _ of watchJob(database, id, signal))
        yield { promotion: await requirePromotion(database, model, id) };
    },
    async verifyModelVersion({ name }) {
      const version = await resolveVersion(database, name, '');
      await verifyVersion(deps, version);
      return { modelVersion: version };
    },
    async listModelHistory({ parent, pageSize, pageToken }) {
      names.registeredModel.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [before = ID_MAX] = pageToken ? (decodePageToken(pageToken) as [number]) : [];
      const rows = await listHistory(database, parent, before, limit + 1);
      return {
        entries: rows.slice(0, limit).map(historyToProto),
        nextPageToken: nextPageToken(rows, limit, (row) => row.id),
      };
    },
    getSigningKey: () => ({ keyId: deps.signer().keyId, publicKeyPem: deps.signer().publicKeyPem }),
  };
}

/** A version by its own name, or a model's by alias. */
async function resolveVersion(database: Database, name: string, alias: string): Promise<ModelVersion> {
  if (alias === '') {
    names.modelVersion.parse(name);
    return requireVersion(database, name);
  }
  names.registeredModel.parse(name);
  const version = await findAlias(database, name, alias);
  if (version) return requireVersion(database, version);
  const model = await requireModel(database, name);
  const known = Object.keys(model.aliases).sort().join(', ') || 'none';
  throw new AppError('NOT_FOUND', `Model "${name}" has no alias "${alias}"; its aliases: ${known}.`, {
    reason: 'ALIAS_NOT_FOUND',
    fields: { name, alias },
  });
}

/** Reads the whole file, which checks its digest, then checks the signature. */
async function verifyVersion({ platform, signer }: ServiceDeps, version: ModelVersion): Promise<void> {
  const digest = version.model?.digest ?? '';
  const fail = (reason: string, what: string, cause?: unknown) =>
    new AppError(
      'DATA_LOSS',
      `Model version "${version.name}" ${what} Do not load it; restore the file or register again.`,
      {
        reason,
        fields: { name: version.name, digest },
        cause,
      },
    );
  try {
    await platform.blobs.bytes(digest as Digest);
  } catch (error) {
    throw fail('MODEL_DIGEST_MISMATCH', 'has a file that does not have its digest or is gone.', error);
  }
  const facts = {
    name: version.name,
    modelDigest: digest,
    profileDigest: version.profile?.digest ?? '',
    featureService: version.lineage?.featureService ?? '',
  };
  if (!signer().verify(facts, version.signatureBase64))
    throw fail('MODEL_SIGNATURE_INVALID', 'has a signature that is not ours.');
}

async function requireModel(db: Database | Tx, name: string) {
  const model = await findModel(db, name);
  if (!model) throw notFound('RegisteredModel', name);
  return model;
}

async function requireVersion(database: Database, name: string): Promise<ModelVersion> {
  const row = await findVersion(database, name);
  if (!row) throw notFound('ModelVersion', name);
  return versionToProto(row);
}

async function requirePromotion(database: Database, model: string, id: string) {
  const row = await findPromotion(database, model, id);
  if (!row) throw notFound('Promotion', id);
  return promotionToProto(row, await getJob(database, id));
}

function modelOf(version: string, field: string): string {
  const { workspace, registeredModel } = names.modelVersion.parse(version, field);
  return names.registeredModel.format({ workspace, registeredModel });
}

function etagOf(...parts: readonly unknown[]): string {
  return sha256(canonicalJson(parts.map(String))).slice('sha256:'.length, 'sha256:'.length + 16);
}

function etagMismatch(name: string, etag: string): AppError {
  return new AppError('ABORTED', `"${name}" has changed meanwhile. Read it again and repeat.`, {
    reason: 'ETAG_MISMATCH',
    fields: { name, etag },
  });
}
