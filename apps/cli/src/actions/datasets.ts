import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { Dataset, DatasetVersion } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { DatasetVersionState, WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { plainJson } from '../plain-json.ts';
import { details } from '../render/details.ts';
import { ago, bytes, count, moment } from '../render/format.ts';
import type { Column } from '../render/table.ts';
import { allPages, dateOf, idOf, nameOf, shortName, versionedName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';

/** `datasets ls`. */
export const listDatasets: Action = async (session) => {
  const { ingestion } = await session.client();
  const datasets = await allPages(async (pageToken, pageSize) => {
    const page = await ingestion.listDatasets({ parent: session.workspace, pageToken, pageSize });
    return { items: page.datasets, next: page.nextPageToken };
  });
  if (session.isJson) {
    session.printJson({ datasets: datasets.map(plainJson) });
    return 0;
  }
  const versions = new Map<string, DatasetVersion | undefined>();
  await Promise.all(
    datasets.map(async ({ publishedVersion }) => {
      if (!publishedVersion) return;
      versions.set(publishedVersion, (await ingestion.getDatasetVersion({ name: publishedVersion })).datasetVersion);
    }),
  );
  const version = (d: Dataset) => versions.get(d.publishedVersion);
  await session.printTable(
    datasets,
    [
      { title: 'DATASET', value: (d) => idOf(d.name), priority: 0, widthMin: 20 },
      { title: 'PUBLISHED', value: (d) => (d.publishedVersion ? idOf(d.publishedVersion) : '–'), align: 'right' },
      { title: 'ROWS', value: (d) => count(version(d)?.table?.rows ?? 0n), align: 'right' },
      { title: 'SIZE', value: (d) => bytes(version(d)?.table?.sizeBytes ?? 0n), align: 'right', priority: 2 },
      {
        title: 'COLUMNS',
        value: (d) => String(version(d)?.table?.schema?.fields.length ?? 0),
        align: 'right',
        priority: 3,
      },
      { title: 'PUBLISHED', value: (d) => ago(dateOf(version(d)?.settleTime), new Date()), priority: 3 },
      { title: 'DESCRIPTION', value: (d) => d.description, priority: 4 },
    ],
    'There are no datasets. Load one with: millrace datasets load <file> --into <dataset>',
  );
  return 0;
};

/** `datasets versions DATASET`. */
export const listVersions: Action = async (session, input) => {
  const { ingestion } = await session.client();
  const parent = nameOf(session, 'dataset', input.argument(0));
  const versions = await allPages(
    async (pageToken, pageSize) => {
      const page = await ingestion.listDatasetVersions({ parent, pageToken, pageSize });
      return { items: page.datasetVersions, next: page.nextPageToken };
    },
    input.integer('limit', { default: 50, min: 1, max: 100_000 }),
  );
  if (session.isJson) session.printJson({ datasetVersions: versions.map(plainJson) });
  else await session.printTable(versions, versionColumns(session), `${idOf(parent)} has no versions yet.`);
  return 0;
};

/** `datasets show DATASET[@VERSION]`. */
export const showDataset: Action = async (session, input) => {
  const { ingestion } = await session.client();
  const name = versionedName(session, 'dataset', input.argument(0));
  const isVersion = name.includes('/versions/');
  const dataset = isVersion ? undefined : (await ingestion.getDataset({ name })).dataset;
  const shown = isVersion ? name : dataset?.publishedVersion || dataset?.latestVersion;
  const version = shown ? (await ingestion.getDatasetVersion({ name: shown })).datasetVersion : undefined;
  if (session.isJson) {
    session.printJson({
      ...(dataset && { dataset: plainJson(dataset) }),
      ...(version && { datasetVersion: plainJson(version) }),
    });
    return 0;
  }
  if (dataset) printDataset(session, dataset);
  if (version) await printVersion(session, version);
  else session.note('It has no versions yet.');
  return 0;
};

function printDataset(session: Session, dataset: Dataset): void {
  session.print(
    details(
      [
        ['dataset', session.style.bold(idOf(dataset.name))],
        ['description', dataset.description],
        ['primary key', dataset.primaryKey.join(', ')],
        ['published', dataset.publishedVersion && shortName(dataset.publishedVersion)],
        ['latest', dataset.latestVersion && shortName(dataset.latestVersion)],
        ['created', moment(dateOf(dataset.createTime))],
        ['', undefined],
      ],
      { width: session.width, name: session.style.dim },
    ),
  );
}

async function printVersion(session: Session, version: DatasetVersion): Promise<void> {
  const rules = Object.entries(version.quarantinedByRule).sort((a, b) => Number(b[1] - a[1]));
  session.print(
    details(
      [
        ['version', session.style.bold(shortName(version.name))],
        ['state', stateText(session, version)],
        ['rejection', version.rejection],
        ['rows', count(version.table?.rows ?? 0n)],
        ['loaded', count(version.loadedRows)],
        ['put aside', version.quarantinedRows > 0n ? count(version.quarantinedRows) : ''],
        ...rules.map(([rule, rows]) => ['', `${rule} ${count(rows)}`] as const),
        ['size', bytes(version.table?.sizeBytes ?? 0n)],
        ['written by', WriteDisposition[version.writeDisposition]?.toLowerCase()],
        ['parent', version.parent && shortName(version.parent)],
        ['cursor', version.cursor],
        ['digest', version.table?.manifest?.digest],
        ['ingestion run', version.ingestionRun && idOf(version.ingestionRun)],
        ['validation run', version.validationRun && idOf(version.validationRun)],
        ['committed', moment(dateOf(version.createTime))],
        ['settled', version.settleTime && moment(dateOf(version.settleTime))],
      ],
      { width: session.width, name: session.style.dim },
    ),
  );
  session.print('');
  await session.printTable(
    version.table?.schema?.fields ?? [],
    [
      { title: 'COLUMN', value: (f) => f.name, priority: 0 },
      { title: 'TYPE', value: (f) => DataType[f.type] ?? '', priority: 0 },
      { title: 'MISSING', value: (f) => (f.nullable ? 'allowed' : 'never'), priority: 2 },
      { title: 'DESCRIPTION', value: (f) => f.description, priority: 3 },
    ],
    'It has no columns.',
  );
}

function versionColumns(session: Session): Column<DatasetVersion>[] {
  return [
    { title: 'VERSION', value: (v) => shortName(v.name), priority: 0, widthMin: 16 },
    { title: 'STATE', value: (v) => stateText(session, v), priority: 0 },
    { title: 'ROWS', value: (v) => count(v.table?.rows ?? 0n), align: 'right' },
    { title: 'LOADED', value: (v) => count(v.loadedRows), align: 'right', priority: 2 },
    { title: 'PUT ASIDE', value: (v) => count(v.quarantinedRows), align: 'right', priority: 1 },
    { title: 'CURSOR', value: (v) => v.cursor, priority: 3 },
    { title: 'COMMITTED', value: (v) => moment(dateOf(v.createTime)), priority: 3 },
    { title: 'REJECTION', value: (v) => v.rejection, priority: 4 },
  ];
}

function stateText({ style }: Session, version: DatasetVersion): string {
  const text = (DatasetVersionState[version.state] ?? '').toLowerCase();
  if (version.state === DatasetVersionState.PUBLISHED) return style.good(text);
  return version.state === DatasetVersionState.REJECTED ? style.bad(text) : style.warn(text);
}
