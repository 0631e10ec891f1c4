import { names } from '@millrace/kernel';
import type { Clients } from '../clients.ts';
import { workspaceOf } from '../domain/model.ts';

/** Resources that are looked through for uses of another one, at most: the newest. */
const PAGE = 1000;

/**
 * Names of what was made from a resource, one step on. Looks through the newest 1,000 resources of the type that may use
 * it, since the services keep no index of uses.
 */
export async function usesOf(clients: Clients, name: string): Promise<string[]> {
  const parent = workspaceOf(name);
  if (names.datasetVersion.matches(name)) return await usesOfVersion(clients, name, parent);
  if (names.trainingSet.matches(name)) {
    const { trainingJobs } = await clients.training.listTrainingJobs({ parent, pageSize: PAGE });
    return trainingJobs.filter(({ spec }) => spec?.trainingSet === name).map((job) => job.name);
  }
  if (names.trainingJob.matches(name)) {
    const { registeredModels } = await clients.registry.listRegisteredModels({ parent, pageSize: PAGE });
    const pages = await Promise.all(
      registeredModels.map((model) => clients.registry.listModelVersions({ parent: model.name, pageSize: PAGE })),
    );
    const versions = pages.flatMap(({ modelVersions }) => modelVersions);
    return versions.filter(({ lineage }) => lineage?.trainingJob === name).map((version) => version.name);
  }
  if (names.modelVersion.matches(name)) {
    const { endpoints } = await clients.serving.listEndpoints({ parent, pageSize: PAGE });
    return endpoints.flatMap(({ deployment }) => (deployment?.modelVersion === name ? [deployment.name] : []));
  }
  if (names.deployment.matches(name)) {
    const { endpoint } = await clients.serving.getEndpoint({ name: name.slice(0, name.indexOf('/deployments/')) });
    return endpoint?.deployment?.name === name ? [endpoint.name] : [];
  }
  return [];
}

async function usesOfVersion(clients: Clients, name: string, parent: string): Promise<string[]> {
  const dataset = name.slice(0, name.indexOf('/versions/'));
  const [{ datasetVersions }, { trainingSets }] = await Promise.all([
    clients.ingestion.listDatasetVersions({ parent: dataset, pageSize: PAGE }),
    clients.featureStore.listTrainingSets({ parent, pageSize: PAGE }),
  ]);
  const children = datasetVersions.filter((version) => version.parent === name).map((version) => version.name);
  const sets = trainingSets.filter(
    (set) => set.labelVersion === name || Object.values(set.viewVersions).includes(name),
  );
  return [...children, ...sets.map((set) => set.name)];
}
