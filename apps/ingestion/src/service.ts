import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { ServiceImpl } from '@millrace/rpc';
import type { IngestionDeps } from './deps.ts';
import { datasetHandlers } from './handlers/datasets.ts';
import { letterHandlers } from './handlers/letters.ts';
import { readingHandlers } from './handlers/reading.ts';
import { runHandlers } from './handlers/runs.ts';
import { sourceHandlers } from './handlers/sources.ts';
import { versionHandlers } from './handlers/versions.ts';

/** All methods of the service. */
export function createIngestionHandlers(deps: IngestionDeps): ServiceImpl<typeof IngestionService> {
  return {
    ...sourceHandlers(deps),
    ...datasetHandlers(deps),
    ...versionHandlers(deps),
    ...runHandlers(deps),
    ...letterHandlers(deps),
    ...readingHandlers(deps),
  };
}
