import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { GRPCInferenceService } from '@millrace/contracts/inference/inference';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { FeatureStatus } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { ModelVersionPromotedSchema } from '@millrace/contracts/millrace/registry/v1/registry_events';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { emitEvent, eventsMigrations } from '@millrace/events';
import { AppError, notFound } from '@millrace/kernel';
import type { FittedPipeline } from '@millrace/learning';
import { fitPipeline, frameOf } from '@millrace/learning';
import { migrate } from '@millrace/postgres';
import { implement } from '@millrace/rpc';
import type { TestPlatform } from '@millrace/testing';
import { createTestPlatform } from '@millrace/testing';
import type { ServingConfig } from '../src/module.ts';
import { createServingModule, servingConfigSchema } from '../src/module.ts';

export const MODEL = 'workspaces/default/registeredModels/flights';
export const ENDPOINT = 'workspaces/default/endpoints/flights';
export const FEATURE_SERVICE = 'workspaces/default/featureServices/flights';

/** A version that the fake registry knows. */
export interface FakeVersion {
  digest: string;
  signature: string;
  featureService: string;
}

/** The registry and the feature store, played by the test. */
export class Fakes {
  readonly versions = new Map<string, FakeVersion>();
  readonly aliases = new Map<string, string>();
  readonly key = generateKeyPairSync('ed25519');
  /** Rate of each origin; others are not known. */
  readonly rates = new Map([
    ['JFK', 0.25],
    ['LAX', 0.5],
  ]);
  lookups: number[] = [];
  failLookup: AppError | undefined;
  registryIsAway = false;

  get publicKeyPem(): string {
    return this.key.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  get keyId(): string {
    const der = createPublicKey(createPrivateKey(this.key.privateKey.export({ type: 'pkcs8', format: 'pem' }))).export({
      type: 'spki',
      format: 'der',
    });
    return createHash('sha256').update(der).digest('hex').slice(0, 16);
  }

  sign(name: string, digest: string, featureService: string): string {
    const text = `millrace.registry.v1.ModelVersion\n${name}\n${digest}\n\n${featureService}\n`;
    return sign(null, Buffer.from(text), this.key.privateKey).toString('base64');
  }

  services() {
    return [
      implement(RegistryService, {
        getModelVersion: ({ name, alias }) => {
          if (this.registryIsAway) throw new AppError('FAILED_PRECONDITION', 'away', { reason: 'REGISTRY_AWAY' });
          const version = alias === '' ? name : (this.aliases.get(alias) ?? '');
          const known = this.versions.get(version);
          if (!known) throw notFound('ModelVersion', version);
          return {
            modelVersion: {
              name: version,
              model: { digest: known.digest, sizeBytes: 1n, mediaType: 'application/onnx' },
              lineage: { featureService: known.featureService },
              signatureBase64: known.signature,
              signatureKeyId: this.keyId,
            },
          };
        },
        getSigningKey: () => ({ keyId: this.keyId, publicKeyPem: this.publicKeyPem }),
      }),
      implement(FeatureStoreService, {
        getFeatureService: ({ name }) => ({
          featureService: {
            name,
            requestColumns: [
              { name: 'date', type: DataType.TIMESTAMP },
              { name: 'distance', type: DataType.INT32, passThrough: true },
              { name: 'origin', type: DataType.STRING, passThrough: true },
            ],
            eventTimeColumn: 'date',
            columns: ['distance', 'origin', 'origin__rate'].map((column, id) => ({ id, name: column })),
          },
        }),
        getOnlineFeatures: ({ columns }) => {
          if (this.failLookup) throw this.failLookup;
          const origins = (columns.origin?.values ?? []).map(({ kind }) => String(kind.value));
          this.lookups.push(origins.length);
          if (origins.includes('!')) {
            throw new AppError('INVALID_ARGUMENT', 'no such place', { reason: 'BAD_KEY' });
          }
          return {
            featureNames: ['origin__rate'],
            results: [
              {
                values: origins.map((origin) => {
                  const rate = this.rates.get(origin);
                  return rate === undefined ? {} : { kind: { case: 'doubleValue' as const, value: rate } };
                }),
                statuses: origins.map((o) => (this.rates.has(o) ? FeatureStatus.PRESENT : FeatureStatus.NOT_FOUND)),
              },
            ],
          };
        },
      }),
    ];
  }
}

/** A small model of `distance`, `origin` and `origin__rate`; another seed gives another model. */
export async function fitModel(seed: number, trees = 3): Promise<FittedPipeline> {
  const rows = 400;
  const distance = Array.from({ length: rows }, (_, i) => (i * 37) % 1000);
  const rate = Array.from({ length: rows }, (_, i) => (i % 10 === 0 ? Number.NaN : ((i * 13) % 100) / 100));
  const origin = Array.from({ length: rows }, (_, i) => ['JFK', 'LAX', 'ORD'][i % 3]!);
  const labels = Float64Array.from({ length: rows }, (_, i) =>
    ((i * 7 + seed * 31) % 11) + distance[i]! / 200 > 7 ? 1 : 0,
  );
  const frame = frameOf({ distance, origin, origin__rate: rate });
  return fitPipeline(frame, labels, {
    task: 'binary',
    estimator: { kind: 'gradient_boosting', params: { rounds: trees, minDataInLeaf: 5 } },
    seed,
  });
}

/** Serving on a real platform, with its fakes. */
export async function startRig(config: Partial<ServingConfig> = {}) {
  const fakes = new Fakes();
  const platform: TestPlatform = await createTestPlatform({
    modules: (p) => [createServingModule({ config: servingConfigSchema.parse(config), platform: p })],
    fakes: fakes.services(),
  });
  const serving = platform.client(ServingService);
  const inference = platform.client(GRPCInferenceService);
  const registryDatabase = platform.platform.database('registry');
  await migrate(registryDatabase, [eventsMigrations]);
  const relay = await platform.platform.bus.startRelay(registryDatabase, 'registry');

  const rig = {
    fakes,
    platform,
    serving,
    inference,
    /** Registers a model file as version `number`. */
    async register(number: number, bytes: Uint8Array, featureService = FEATURE_SERVICE): Promise<string> {
      const name = `${MODEL}/versions/${number}`;
      const { digest } = await platform.platform.blobs.put(bytes);
      fakes.versions.set(name, { digest, featureService, signature: fakes.sign(name, digest, featureService) });
      return name;
    },
    /** Moves an alias as the registry does, with its event. */
    async promote(modelVersion: string, alias = 'champion'): Promise<void> {
      fakes.aliases.set(alias, modelVersion);
      await registryDatabase.withTransaction((tx) =>
        emitEvent(tx, {
          subject: 'millrace.registry.v1.model_version.promoted',
          resource: MODEL,
          schema: ModelVersionPromotedSchema,
          message: { modelVersion, alias },
        }),
      );
    },
    /** Deploys and gives the deployment at its end. */
    async deploy(modelVersion: string, endpoint = ENDPOINT) {
      const { deployment } = await serving.deploy({ endpoint, modelVersion });
      return rig.ended(deployment!.name);
    },
    async ended(name: string) {
      for await (const { deployment } of serving.watchDeployment({ name })) {
        const state = deployment?.execution?.state ?? JobState.UNSPECIFIED;
        if (deployment && state >= JobState.SUCCEEDED) return deployment;
      }
      throw new Error(`${name} did not end`);
    },
    async createEndpoint(more: Record<string, unknown> = {}, name = ENDPOINT) {
      return serving.createEndpoint({ endpoint: { name, registeredModel: MODEL, ...more } });
    },
    async stop() {
      await relay.stop();
      await platform.stop();
    },
  };
  return rig;
}

/** A raw request of all model inputs. */
export function rawRequest(distance: number[], origin: string[], rate: number[]) {
  const rows = BigInt(distance.length);
  return {
    modelName: 'flights',
    inputs: [
      { name: 'distance', datatype: 'FP32', shape: [rows, 1n] },
      { name: 'origin', datatype: 'BYTES', shape: [rows, 1n] },
      { name: 'origin__rate', datatype: 'FP32', shape: [rows, 1n] },
    ],
    rawInputContents: [float32(distance), texts(origin), float32(rate)],
  };
}

/** A request of the feature service's columns. */
export function columnRequest(distance: number[], origin: string[], date?: string[]) {
  const shape = [BigInt(distance.length), 1n];
  const encoder = new TextEncoder();
  return {
    modelName: 'flights',
    inputs: [
      { name: 'distance', datatype: 'INT32', shape, contents: { intContents: distance } },
      {
        name: 'origin',
        datatype: 'BYTES',
        shape,
        contents: { bytesContents: origin.map((text) => encoder.encode(text)) },
      },
      ...(date
        ? [
            {
              name: 'date',
              datatype: 'BYTES',
              shape,
              contents: { bytesContents: date.map((text) => encoder.encode(text)) },
            },
          ]
        : []),
    ],
  };
}

export function float32(values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export function texts(values: string[]): Uint8Array {
  return Buffer.concat(
    values.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(text));
      return [length, Buffer.from(text)];
    }),
  );
}

/** The floats of a raw output. */
export function floatsOf(raw: Uint8Array | undefined): number[] {
  return [...new Float32Array(Uint8Array.prototype.slice.call(raw).buffer)];
}
