import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { implement, type ServiceRegistration } from '@millrace/rpc';
import { catalogHandlers } from './catalog-handlers.ts';
import type { Deps } from './deps.ts';
import type { OnlineFeatures } from './online-features.ts';
import { pushFeatures } from './push.ts';
import { runHandlers } from './run-handlers.ts';

/** The gRPC service. */
export function createService(deps: Deps, online: OnlineFeatures): ServiceRegistration {
  return implement(FeatureStoreService, {
    ...catalogHandlers(deps),
    ...runHandlers(deps),
    getOnlineFeatures: (request) => online.get(request),
    pushFeatures: (request) => pushFeatures(deps, request),
  });
}
