import type { ModelVersion, RegisteredModel } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { plainJson } from '../plain-json.ts';
import { details } from '../render/details.ts';
import { bytes, count, metric, moment } from '../render/format.ts';
import { allPages, dateOf, idOf, nameOf, shortName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';
import { findVersion } from './model-version.ts';

/** `models ls`. */
export const listModels: Action = async (session) => {
  const { registry } = await session.client();
  const models = await allPages<RegisteredModel>(async (pageToken, pageSize) => {
    const page = await registry.listRegisteredModels({ parent: session.workspace, pageToken, pageSize });
    return { items: page.registeredModels, next: page.nextPageToken };
  });
  if (session.isJson) session.printJson({ registeredModels: models.map(plainJson) });
  else
    await session.printTable(
      models,
      [
        { title: 'MODEL', value: (m) => idOf(m.name), priority: 0, widthMin: 20 },
        { title: 'LATEST', value: (m) => m.latestVersion && idOf(m.latestVersion), align: 'right', priority: 1 },
        { title: 'ALIASES', value: (m) => aliasesText(m), priority: 1 },
        { title: 'CREATED', value: (m) => moment(dateOf(m.createTime)), priority: 3 },
        { title: 'DESCRIPTION', value: (m) => m.description, priority: 4 },
      ],
      'There are no models. A pipeline with a register step makes one.',
    );
  return 0;
};

/** `models show MODEL[@VERSION]`. */
export const showModel: Action = async (session, input) => {
  const given = input.argument(0);
  if (given.includes('@') || given.includes('/versions/')) {
    const version = await findVersion(session, given);
    if (session.isJson) session.printJson(plainJson(version));
    else await printVersion(session, version);
    return 0;
  }
  const { registry } = await session.client();
  const name = nameOf(session, 'registeredModel', given);
  const model = (await registry.getRegisteredModel({ name })).registeredModel as RegisteredModel;
  const versions = await allPages<ModelVersion>(async (pageToken, pageSize) => {
    const page = await registry.listModelVersions({ parent: name, pageToken, pageSize });
    return { items: page.modelVersions, next: page.nextPageToken };
  });
  if (session.isJson) {
    session.printJson({ registeredModel: plainJson(model), modelVersions: versions.map(plainJson) });
    return 0;
  }
  session.print([session.style.bold(idOf(model.name)), ...(model.description ? [model.description] : []), '']);
  await session.printTable(
    versions,
    [
      { title: 'VERSION', value: (v) => shortName(v.name), priority: 0, widthMin: 16 },
      { title: 'ALIASES', value: (v) => session.style.good(v.aliases.join(', ')), priority: 0 },
      { title: 'AUC', value: (v) => metric(v.metrics.auc), align: 'right', priority: 1 },
      { title: 'LOG LOSS', value: (v) => metric(v.metrics.log_loss), align: 'right', priority: 1 },
      { title: 'RMSE', value: (v) => metric(v.metrics.rmse), align: 'right', priority: 4 },
      { title: 'PARITY', value: (v) => metric(v.parity?.maxAbs), align: 'right', priority: 3 },
      { title: 'REGISTERED', value: (v) => moment(dateOf(v.createTime)), priority: 2 },
      { title: 'DIGEST', value: (v) => v.model?.digest.slice(0, 19) ?? '', priority: 3 },
    ],
    'It has no versions yet.',
  );
  return 0;
};

/** `models history MODEL`. */
export const showHistory: Action = async (session, input) => {
  const { registry } = await session.client();
  const parent = nameOf(session, 'registeredModel', input.argument(0));
  const entries = await allPages(async (pageToken, pageSize) => {
    const page = await registry.listModelHistory({ parent, pageToken, pageSize });
    return { items: page.entries, next: page.nextPageToken };
  });
  if (session.isJson) session.printJson({ entries: entries.map(plainJson) });
  else
    await session.printTable(
      entries,
      [
        { title: 'WHEN', value: (e) => moment(dateOf(e.time)), priority: 0 },
        { title: 'WHAT', value: (e) => e.kind.toLowerCase().replaceAll('_', ' '), priority: 0 },
        { title: 'VERSION', value: (e) => shortName(e.modelVersion), priority: 0 },
        { title: 'ALIAS', value: (e) => e.alias, priority: 1 },
        { title: 'WHO', value: (e) => e.actor, priority: 2 },
        { title: 'WHY', value: (e) => e.comment, priority: 3 },
      ],
      'Nothing has happened to it yet.',
    );
  return 0;
};

/** `models verify VERSION`. */
export const verifyModel: Action = async (session, input) => {
  const { registry } = await session.client();
  const { name } = await findVersion(session, input.argument(0));
  const version = (await registry.verifyModelVersion({ name })).modelVersion as ModelVersion;
  if (session.isJson) session.printJson(plainJson(version));
  else
    session.print([
      `${session.style.good('Verified')} ${shortName(version.name)}: the file has the digest ${version.model?.digest},`,
      `and digest, signature and lineage are signed by key ${version.signatureKeyId}.`,
    ]);
  return 0;
};

async function printVersion(session: Session, version: ModelVersion): Promise<void> {
  const { lineage, parity } = version;
  session.print(
    details(
      [
        ['version', session.style.bold(shortName(version.name))],
        ['aliases', session.style.good(version.aliases.join(', '))],
        ['registered', moment(dateOf(version.createTime))],
        ['digest', version.model?.digest],
        ['size', bytes(version.model?.sizeBytes ?? 0n)],
        [
          'parity',
          parity &&
            `largest difference ${metric(parity.maxAbs)} on ${count(parity.rows)} rows, ${parity.labelFlips} labels differ`,
        ],
        ['training job', lineage && idOf(lineage.trainingJob)],
        ['run', lineage && idOf(lineage.run)],
        ['training set', lineage && idOf(lineage.trainingSet)],
        ['feature service', lineage && idOf(lineage.featureService)],
        ['data', lineage?.datasetVersions.map(shortName).join(', ')],
        ['code', lineage?.codeRevision],
        ['seed', lineage && String(lineage.seed)],
        ['inputs', version.signature?.inputs.map((t) => `${t.name} ${t.datatype}`).join(', ')],
        ['outputs', version.signature?.outputs.map((t) => `${t.name} ${t.datatype}`).join(', ')],
        ['signed by', version.signatureKeyId],
      ],
      { width: session.width, name: session.style.dim },
    ),
  );
  session.print('');
  await session.printTable(
    Object.entries(version.metrics).sort(([a], [b]) => (a < b ? -1 : 1)),
    [
      { title: 'METRIC', value: ([name]) => name, priority: 0 },
      { title: 'TEST ROWS', value: ([, value]) => metric(value), align: 'right', priority: 0 },
      {
        title: '95 % INTERVAL',
        value: ([name]) => {
          const interval = version.intervals[name];
          return interval ? `${metric(interval.lower)} … ${metric(interval.upper)}` : '';
        },
        priority: 1,
      },
    ],
    'It has no metrics.',
  );
}

function aliasesText(model: RegisteredModel): string {
  return Object.entries(model.aliases)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([alias, version]) => `${alias} → ${idOf(version)}`)
    .join(', ');
}
