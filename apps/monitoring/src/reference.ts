import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import type { Digest } from '@millrace/kernel';
import { isAppError } from '@millrace/kernel';
import type { Platform } from '@millrace/process';
import { type ColumnSchema, profileFromJson } from '@millrace/profiles';
import { createClient } from '@millrace/rpc';
import type { Task } from './domain/metrics.ts';

/** The training profile of a model version. */
export interface ReferenceProfile {
  /** Its JSON text. */
  readonly text: string;
  readonly columns: readonly ColumnSchema[];
  readonly relativeAccuracy: number;
}

/** What a model version is judged by. */
export interface Reference {
  /** Undefined where the version's outputs tell neither. */
  readonly task: Task | undefined;
  /** Metrics on its test rows. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly profile: ReferenceProfile | undefined;
}

/** Looks up what model versions are judged by; undefined for a version that the registry does not have. */
export type ReferenceSource = (modelVersion: string, signal: AbortSignal) => Promise<Reference | undefined>;

/** References kept in memory: versions never change, and an endpoint has few at a time. */
const REFERENCES_MAX = 16;
const ACCURACY_DEFAULT = 0.01;

/** Reads references from the registry and the blob store. */
export function createReferenceSource(platform: Platform): ReferenceSource {
  const registry = createClient(RegistryService, platform.channel('registry'));
  const kept = new Map<string, Reference>();
  return async (modelVersion, signal) => {
    const known = kept.get(modelVersion);
    if (known) return known;
    let found: Reference;
    try {
      const { modelVersion: version } = await registry.getModelVersion({ name: modelVersion }, { signal });
      const outputs = version?.signature?.outputs.map(({ name }) => name) ?? [];
      found = {
        task: taskOf(outputs, version?.metrics ?? {}),
        metrics: { ...version?.metrics },
        profile: version?.profile?.digest ? await readProfile(platform, version.profile.digest as Digest) : undefined,
      };
    } catch (error) {
      if (isAppError(error) && error.code === 'NOT_FOUND' && error.reason !== 'BLOB_NOT_FOUND') return undefined;
      throw error;
    }
    if (kept.size >= REFERENCES_MAX) kept.delete(kept.keys().next().value as string);
    kept.set(modelVersion, found);
    return found;
  };
}

function taskOf(outputs: readonly string[], metrics: Readonly<Record<string, number>>): Task | undefined {
  if (outputs.includes('probability')) return 'binary';
  if (outputs.includes('value')) return 'regression';
  if ('auc' in metrics) return 'binary';
  return 'rmse' in metrics ? 'regression' : undefined;
}

async function readProfile(platform: Platform, digest: Digest): Promise<ReferenceProfile> {
  const text = new TextDecoder().decode(await platform.blobs.bytes(digest));
  const { columns } = profileFromJson(text);
  const numeric = columns.find((column) => column.kind === 'numeric');
  return {
    text,
    columns: columns.map(({ name, type }) => ({ name, type })),
    relativeAccuracy: numeric?.quantiles.relativeAccuracy ?? ACCURACY_DEFAULT,
  };
}
