import type { MessageInitShape } from '@bufbuild/protobuf';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { TrainingSetSpec } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import type { DatasetVersionSchema } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import { PromotionDecision } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { ValidationService } from '@millrace/contracts/millrace/validation/v1/validation_service';
import { invalidArgument, notFound } from '@millrace/kernel';
import type { ServiceRegistration } from '@millrace/rpc';
import { implement } from '@millrace/rpc';
import { FakeWork } from './fake-work.ts';

const DATASET = 'workspaces/default/datasets/flights';

/** Resources of a type, by name. */
class FakeResources<M extends { name?: string }> {
  readonly all = new Map<string, M>();
  readonly #kind: string;
  updates = 0;

  constructor(kind: string) {
    this.#kind = kind;
  }

  get(name: string): M {
    const found = this.all.get(name);
    if (!found) throw notFound(this.#kind, name);
    return found;
  }

  put(message: M | undefined): M {
    if (!message?.name) throw new Error('a name is needed');
    this.updates += 1;
    // Without the type's name, so that tests may add to it in the short form.
    this.all.set(message.name, { ...message, etag: `e${this.updates}`, $typeName: undefined });
    return this.get(message.name);
  }
}

/** Every service that the orchestrator calls, as small state machines whose pace a test sets. */
export function createFakes() {
  const ingestion = new FakeWork<{ datasetVersion: string; readRows: bigint }>('ingestionRuns');
  const validation = new FakeWork<{ datasetVersion: string; dataContract: string; result: object }>('validationRuns');
  const trainingSets = new FakeWork<{
    labelVersion: string;
    spec: TrainingSetSpec | undefined;
    table: { rows: bigint };
  }>('trainingSets');
  const materializations = new FakeWork<{ writtenRows: bigint }>('materializations');
  const trainingJobs = new FakeWork<{ run: string; result: object; spec: object }>('trainingJobs');
  const promotions = new FakeWork<{ id: string; modelVersion: string; decision: PromotionDecision }>('promotions');
  const deployments = new FakeWork<{ modelVersion: string }>('endpoints/flights/deployments');
  const monitorRuns = new FakeWork<{ alerts: string[] }>('monitorRuns');
  const registered: string[] = [];
  const versions = new Map<string, MessageInitShape<typeof DatasetVersionSchema>>();
  const state = { verdict: Verdict.PUBLISH, decision: PromotionDecision.PROMOTED, published: '', isNew: true };
  const resources = {
    source: new FakeResources('Source'),
    dataset: new FakeResources('Dataset'),
    dataContract: new FakeResources('DataContract'),
    entity: new FakeResources('Entity'),
    featureView: new FakeResources('FeatureView'),
    featureService: new FakeResources('FeatureService'),
    endpoint: new FakeResources('Endpoint'),
    monitor: new FakeResources('Monitor'),
  };

  const beginLoad = (requestId: string) =>
    ingestion.begin(requestId, (name) => {
      if (!state.isNew) return { datasetVersion: '', readRows: 0n };
      const datasetVersion = `${DATASET}/versions/${versions.size + 1}`;
      const parent = versions.size === 0 ? '' : `${DATASET}/versions/${versions.size}`;
      const table = { rows: 100n };
      versions.set(datasetVersion, {
        name: datasetVersion,
        parent,
        table,
        state: DatasetVersionState.CANDIDATE,
        ingestionRun: name,
      });
      return { datasetVersion, readRows: 100n };
    });

  const services: ServiceRegistration[] = [
    implement(IngestionService, {
      createIngestionRun: ({ requestId }) => ({ ingestionRun: beginLoad(requestId) }),
      replayDeadLetters: ({ requestId }) => ({ ingestionRun: beginLoad(requestId) }),
      async *watchIngestionRun({ name }, { signal }) {
        for await (const ingestionRun of ingestion.watch(name, signal)) yield { ingestionRun };
      },
      cancelIngestionRun: ({ name }) => ({ ingestionRun: ingestion.cancel(name) }),
      getIngestionRun: ({ name }) => ({
        ingestionRun: { ...ingestion.get(name), spec: { source: 'workspaces/default/sources/file', dataset: DATASET } },
      }),
      getDatasetVersion({ name }) {
        const datasetVersion = versions.get(name);
        if (!datasetVersion) throw notFound('DatasetVersion', name);
        return { datasetVersion };
      },
      listDatasetVersions: () => ({ datasetVersions: [...versions.values()] }),
      getDataset: ({ name }) => ({
        dataset: {
          ...resources.dataset.get(name),
          publishedVersion: state.published,
          latestVersion: versions.size === 0 ? '' : `${DATASET}/versions/${versions.size}`,
        },
      }),
      updateDataset: ({ dataset }) => ({ dataset: resources.dataset.put(dataset) }),
      getSource: ({ name }) => ({ source: resources.source.get(name) }),
      updateSource: ({ source }) => ({ source: resources.source.put(source) }),
    }),
    implement(ValidationService, {
      createValidationRun: ({ requestId, datasetVersion, dataContract }) => ({
        validationRun: validation.begin(requestId, (name) => {
          const { verdict } = state;
          const isFit = verdict === Verdict.PUBLISH;
          const rejection = isFit ? '' : 'too many broken';
          validation.onceOver(name, () => {
            const settled = isFit ? DatasetVersionState.PUBLISHED : DatasetVersionState.REJECTED;
            versions.set(datasetVersion, { ...versions.get(datasetVersion), state: settled, validationRun: name });
            if (isFit) state.published = datasetVersion;
          });
          const result = { verdict, evaluatedRows: 100n, quarantinedRows: 3n, rejection };
          return { datasetVersion, dataContract, result };
        }),
      }),
      async *watchValidationRun({ name }, { signal }) {
        for await (const validationRun of validation.watch(name, signal)) yield { validationRun };
      },
      cancelValidationRun: ({ name }) => ({ validationRun: validation.cancel(name) }),
      getValidationRun: ({ name }) => ({ validationRun: validation.get(name) }),
      getDataContract: ({ name }) => ({ dataContract: resources.dataContract.get(name) }),
      updateDataContract: ({ dataContract }) => ({ dataContract: resources.dataContract.put(dataContract) }),
    }),
    implement(FeatureStoreService, {
      applyFeatureViews({ entities, featureViews, featureServices, validateOnly }) {
        const broken = featureViews.findIndex(({ features }) => features.some((f) => f.expression === 'nope'));
        if (broken >= 0) {
          const field = `feature_views[${broken}].features[0].expression`;
          const description = '"nope" is not a column of flights.';
          throw invalidArgument('EXPRESSION_INVALID', [{ field, reason: 'COLUMN_NOT_FOUND', description }]);
        }
        if (validateOnly) return { plan: [] };
        for (const entity of entities) resources.entity.put(entity);
        for (const view of featureViews) resources.featureView.put(view);
        for (const service of featureServices) resources.featureService.put(service);
        return { plan: [] };
      },
      getEntity: ({ name }) => ({ entity: resources.entity.get(name) as never }),
      getFeatureView: ({ name }) => ({ featureView: resources.featureView.get(name) as never }),
      getFeatureService: ({ name }) => ({ featureService: resources.featureService.get(name) as never }),
      createTrainingSet: ({ requestId, spec }) => ({
        trainingSet: trainingSets.begin(requestId, () => ({
          labelVersion: spec?.labelDataset ?? '',
          spec,
          table: { rows: 80n },
        })) as never,
      }),
      async *watchTrainingSet({ name }, { signal }) {
        for await (const trainingSet of trainingSets.watch(name, signal)) yield { trainingSet } as never;
      },
      cancelTrainingSet: ({ name }) => ({ trainingSet: trainingSets.cancel(name) }) as never,
      getTrainingSet: ({ name }) => ({ trainingSet: trainingSets.get(name) }) as never,
      listTrainingSets: () =>
        ({
          trainingSets: [...Array(trainingSets.begun)].map((_, i) =>
            trainingSets.get(`workspaces/default/trainingSets/w${i + 1}`),
          ),
        }) as never,
      materialize: ({ requestId }) => ({
        materialization: materializations.begin(requestId, () => ({ writtenRows: 7n })),
      }),
      async *watchMaterialization({ name }, { signal }) {
        for await (const materialization of materializations.watch(name, signal)) yield { materialization };
      },
    }),
    implement(TrainingService, {
      createTrainingJob: ({ requestId, spec }) => ({
        trainingJob: trainingJobs.begin(requestId, () => ({
          run: 'workspaces/default/runs/r1',
          spec: spec ?? {},
          result: { metrics: { auc: 0.71, log_loss: 0.437 }, trainRows: 60n, testRows: 20n },
        })) as never,
      }),
      async *watchTrainingJob({ name }, { signal }) {
        for await (const trainingJob of trainingJobs.watch(name, signal)) yield { trainingJob } as never;
      },
      cancelTrainingJob: ({ name }) => ({ trainingJob: trainingJobs.cancel(name) }) as never,
      getTrainingJob: ({ name }) => ({ trainingJob: trainingJobs.get(name) }) as never,
      listTrainingJobs: () =>
        ({
          trainingJobs: [...Array(trainingJobs.begun)].map((_, i) =>
            trainingJobs.get(`workspaces/default/trainingJobs/w${i + 1}`),
          ),
        }) as never,
    }),
    implement(RegistryService, {
      registerModelVersion({ registeredModel, trainingJob, requestId }) {
        registered.push(requestId);
        return { modelVersion: { name: `${registeredModel}/versions/1`, lineage: { trainingJob } } };
      },
      getModelVersion({ name }) {
        const lineage = { trainingJob: 'workspaces/default/trainingJobs/w1', codeRevision: 'abc', seed: 7n };
        return { modelVersion: { name, lineage, metrics: { auc: 0.71 } } };
      },
      listRegisteredModels: () => ({ registeredModels: [{ name: 'workspaces/default/registeredModels/flights' }] }),
      listModelVersions: ({ parent }) => ({
        modelVersions: [
          { name: `${parent}/versions/1`, lineage: { trainingJob: 'workspaces/default/trainingJobs/w1' } },
        ],
      }),
      promoteModelVersion: ({ requestId, modelVersion }) => ({
        promotion: promotions.begin(requestId, (name) => ({
          id: name.slice(name.lastIndexOf('/') + 1),
          modelVersion,
          decision: state.decision,
        })),
      }),
      async *watchPromotion({ id }, { signal }) {
        for await (const promotion of promotions.watch(`workspaces/default/promotions/${id}`, signal))
          yield { promotion };
      },
    }),
    implement(ServingService, {
      getEndpoint: ({ name }) => ({ endpoint: resources.endpoint.get(name) as never }),
      updateEndpoint: ({ endpoint }) => ({ endpoint: resources.endpoint.put(endpoint) as never }),
      deploy: ({ requestId, modelVersion }) => ({ deployment: deployments.begin(requestId, () => ({ modelVersion })) }),
      async *watchDeployment({ name }, { signal }) {
        for await (const deployment of deployments.watch(name, signal)) yield { deployment };
      },
      listDeployments: () => ({
        deployments: [...Array(deployments.begun)].map((_, i) =>
          deployments.get(`workspaces/default/endpoints/flights/deployments/w${i + 1}`),
        ),
      }),
      listEndpoints: () => ({ endpoints: [...resources.endpoint.all.values()] as never }),
    }),
    implement(MonitoringService, {
      getMonitor: ({ name }) => ({ monitor: resources.monitor.get(name) as never }),
      updateMonitor: ({ monitor }) => ({ monitor: resources.monitor.put(monitor) as never }),
      createMonitorRun: ({ requestId }) => ({
        monitorRun: monitorRuns.begin(requestId, () => ({ alerts: ['a', 'b'] })),
      }),
      async *watchMonitorRun({ name }, { signal }) {
        for await (const monitorRun of monitorRuns.watch(name, signal)) yield { monitorRun };
      },
    }),
  ];
  return {
    services,
    resources,
    state,
    versions,
    registered,
    ingestion,
    validation,
    trainingSets,
    materializations,
    trainingJobs,
    promotions,
    deployments,
    monitorRuns,
  };
}

/** The fakes of one test platform. */
export type Fakes = ReturnType<typeof createFakes>;
