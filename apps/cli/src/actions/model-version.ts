import type { ModelVersion } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { invalidArgument } from '@millrace/kernel';
import { nameOf } from '../resource.ts';
import type { Session } from '../session.ts';

/** A version by `model@3`, `model@alias` or its whole name. Throws INVALID_ARGUMENT `VERSION_MISSING` for a model alone. */
export async function findVersion(session: Session, given: string): Promise<ModelVersion> {
  const { registry } = await session.client();
  const at = /^([^@/]+)@(.+)$/.exec(given);
  if (at) {
    const model = nameOf(session, 'registeredModel', at[1] as string);
    const reference = at[2] as string;
    const isVersion = /^v?\d+$/.test(reference);
    const request = isVersion
      ? { name: `${model}/versions/${reference.replace('v', '')}` }
      : { name: model, alias: reference };
    return (await registry.getModelVersion(request)).modelVersion as ModelVersion;
  }
  if (given.includes('/')) {
    const name = given.startsWith('workspaces/') ? given : `${session.workspace}/registeredModels/${given}`;
    return (await registry.getModelVersion({ name })).modelVersion as ModelVersion;
  }
  throw invalidArgument('VERSION_MISSING', [
    {
      field: 'version',
      reason: 'VERSION_MISSING',
      description: `"${given}" names no version. Write it like ${given}@3 or ${given}@champion.`,
    },
  ]);
}
