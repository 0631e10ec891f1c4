import { ModelVersionPromotedSchema } from '@millrace/contracts/millrace/registry/v1/registry_events';
import type { Running } from '@millrace/events';
import { decodeEvent } from '@millrace/events';
import { names } from '@millrace/kernel';
import { requestDeployment } from './deploy.ts';
import type { ServingDeps } from './deps.ts';
import { endpointsOfAlias } from './store/endpoints.ts';

/** Deploys to every endpoint that follows an alias when the alias moves. */
export function consumePromotions(deps: ServingDeps): Promise<Running> {
  const { platform, database } = deps;
  return platform.bus.consume({
    name: 'serving.promotions',
    database,
    subjects: ['millrace.registry.v1.model_version.promoted'],
    async handler(event, { tx }) {
      const { modelVersion, alias } = decodeEvent(ModelVersionPromotedSchema, event);
      const model = names.registeredModel.format(names.modelVersion.parse(modelVersion, 'model_version'));
      for (const endpoint of await endpointsOfAlias(tx, model, alias))
        await requestDeployment(deps, tx, { endpoint: endpoint.name, modelVersion, requestId: `event ${event.id}` });
    },
  });
}
