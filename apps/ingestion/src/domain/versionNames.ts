import { invalidArgument, names } from '@millrace/kernel';

/** Longest version number: nine digits fit PostgreSQL's int. */
const VERSION_PATTERN = /^[1-9]\d{0,8}$/;

/** The name of a dataset's version. */
export function versionName(dataset: string, version: number): string {
  return `${dataset}/versions/${version}`;
}

/** Takes a version's name apart; throws INVALID_ARGUMENT `RESOURCE_NAME_INVALID` naming `field`. */
export function parseVersionName(name: string, field = 'name'): { dataset: string; version: number } {
  const { workspace, dataset, version } = names.datasetVersion.parse(name, field);
  if (!VERSION_PATTERN.test(version)) {
    throw invalidArgument('RESOURCE_NAME_INVALID', [
      { field, reason: 'RESOURCE_NAME_INVALID', description: `"${version}" is not a version. Versions count from 1.` },
    ]);
  }
  return { dataset: names.dataset.format({ workspace, dataset }), version: Number(version) };
}

/** The workspace's name in front of a resource's name. */
export function workspaceOf(name: string): string {
  return name.split('/').slice(0, 2).join('/');
}
