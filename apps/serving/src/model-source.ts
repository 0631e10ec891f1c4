import type { JsonValue } from '@bufbuild/protobuf';
import { fromJson, toJson } from '@bufbuild/protobuf';
import type { BlobStore } from '@millrace/blobs';
import type { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { FeatureService } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { FeatureServiceSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type { ModelVersion } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { ModelVersionSchema } from '@millrace/contracts/millrace/registry/v1/registered_model';
import type { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import type { Digest } from '@millrace/kernel';
import { AppError, isAppError } from '@millrace/kernel';
import type { Client } from '@millrace/rpc';
import type { ModelPlan } from './domain/model-plan.ts';
import { checkSignature, keyIdOf } from './domain/statement.ts';
import type { ModelIdentity, ModelOptions } from './model/loaded-model.ts';
import { LoadedModel } from './model/loaded-model.ts';
import type { DeploymentSource } from './store/deployments.ts';
import { featurePlanOf } from './translate.ts';

/** Who knows what a version is made of. */
export interface SourceClients {
  readonly registry: Client<typeof RegistryService>;
  readonly featureStore: Client<typeof FeatureStoreService>;
}

/** Asks the registry and the feature store what a version is made of. Fails with their errors. */
export async function fetchSource(
  { registry, featureStore }: SourceClients,
  keys: SigningKeys,
  versionName: string,
): Promise<DeploymentSource> {
  const { modelVersion } = await registry.getModelVersion({ name: versionName });
  if (!modelVersion) throw new Error(`the registry gives no version for "${versionName}"`);
  const name = modelVersion.lineage?.featureService ?? '';
  const service = name === '' ? undefined : (await featureStore.getFeatureService({ name })).featureService;
  return {
    modelVersion: toJson(ModelVersionSchema, modelVersion),
    publicKeyPem: await keys.get(modelVersion.signatureKeyId),
    featureService: service ? toJson(FeatureServiceSchema, service) : null,
  };
}

/** The registry's public key, asked for once for each key id. */
export class SigningKeys {
  readonly #registry: SourceClients['registry'];
  #publicKeyPem: string | undefined;

  constructor(registry: SourceClients['registry']) {
    this.#registry = registry;
  }

  /** The key of this id, or the registry's present one where it has no such key: the signature then does not hold. */
  async get(keyId: string): Promise<string> {
    if (this.#publicKeyPem === undefined || keyIdOf(this.#publicKeyPem) !== keyId)
      this.#publicKeyPem = (await this.#registry.getSigningKey({})).publicKeyPem;
    return this.#publicKeyPem;
  }
}

/**
 * Verifies and loads a model: the signature over the version, the digest of its file, the runtime's own checks, and that
 * the feature service gives what the model takes.
 *
 * @throws AppError DATA_LOSS `MODEL_SIGNATURE_INVALID`, `MODEL_DIGEST_MISMATCH`; FAILED_PRECONDITION
 *   `MODEL_FEATURES_MISSING`; those of `LoadedModel.load`.
 */
export async function loadSource(
  source: DeploymentSource,
  deployment: string,
  blobs: BlobStore,
  options: ModelOptions,
): Promise<LoadedModel> {
  const version = fromJson(ModelVersionSchema, source.modelVersion);
  checkSignature(version, source.publicKeyPem);
  const bytes = await readModel(blobs, version);
  const service = serviceOf(source.featureService);
  const identity: ModelIdentity = {
    deployment,
    version: version.name,
    features: service && featurePlanOf(service),
  };
  const model = await LoadedModel.load(bytes, identity, options);
  try {
    if (service) checkFeatures(model.plan, service);
    return model;
  } catch (error) {
    model.release();
    throw error;
  }
}

function serviceOf(json: JsonValue): FeatureService | undefined {
  return json === null ? undefined : fromJson(FeatureServiceSchema, json);
}

/** The model file, read as a whole so that the bytes that are checked are the bytes that are loaded. */
async function readModel(blobs: BlobStore, version: ModelVersion): Promise<Uint8Array> {
  const digest = version.model?.digest ?? '';
  try {
    return await blobs.bytes(digest as Digest);
  } catch (cause) {
    const isWrong = isAppError(cause) && ['BLOB_CORRUPT', 'BLOB_NOT_FOUND', 'DIGEST_INVALID'].includes(cause.reason);
    if (!isWrong) throw cause;
    throw new AppError(
      'DATA_LOSS',
      `The file of model version "${version.name}" is gone or does not have its digest. Restore it, or register again.`,
      { reason: 'MODEL_DIGEST_MISMATCH', fields: { name: version.name, digest }, cause },
    );
  }
}

function checkFeatures(plan: ModelPlan, service: FeatureService): void {
  const given = new Set([...service.columns, ...service.requestColumns].map(({ name }) => name));
  const missing = plan.inputs.filter(({ name }) => !given.has(name)).map(({ name }) => name);
  if (missing.length === 0) return;
  throw new AppError(
    'FAILED_PRECONDITION',
    `Feature service "${service.name}" has no columns ${missing.join(', ')}, which the model takes. Train with this service, or add them.`,
    { reason: 'MODEL_FEATURES_MISSING', fields: { missing: missing.join(','), feature_service: service.name } },
  );
}
