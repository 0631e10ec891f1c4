import type { Deployment, Endpoint, EndpointStats } from '@millrace/contracts/millrace/serving/v1/endpoint';
import { plainJson } from '../plain-json.ts';
import { details } from '../render/details.ts';
import { count, duration, moment } from '../render/format.ts';
import { allPages, dateOf, idOf, nameOf, shortName } from '../resource.ts';
import type { Action } from '../tree/spec.ts';
import { markOf } from '../watch.ts';

/** `endpoints ls`. */
export const listEndpoints: Action = async (session) => {
  const { serving } = await session.client();
  const endpoints = await allPages<Endpoint>(async (pageToken, pageSize) => {
    const page = await serving.listEndpoints({ parent: session.workspace, pageToken, pageSize });
    return { items: page.endpoints, next: page.nextPageToken };
  });
  if (session.isJson) session.printJson({ endpoints: endpoints.map(plainJson) });
  else
    await session.printTable(
      endpoints,
      [
        { title: 'ENDPOINT', value: (e) => idOf(e.name), priority: 0, widthMin: 20 },
        {
          title: 'ANSWERS WITH',
          value: (e) => (e.deployment ? shortName(e.deployment.modelVersion) : '–'),
          priority: 0,
        },
        { title: 'FOLLOWS', value: (e) => `${idOf(e.registeredModel)}@${e.alias}`, priority: 1 },
        { title: 'SINCE', value: (e) => moment(dateOf(e.deployment?.activeTime)), priority: 2 },
        { title: 'DESCRIPTION', value: (e) => e.description, priority: 4 },
      ],
      'There are no endpoints. Apply a pipeline that brings one.',
    );
  return 0;
};

/** `endpoints show ENDPOINT`. */
export const showEndpoint: Action = async (session, input) => {
  const { serving } = await session.client();
  const name = nameOf(session, 'endpoint', input.argument(0));
  const [found, figures, list] = await Promise.all([
    serving.getEndpoint({ name }),
    serving.getEndpointStats({ endpoint: name }),
    serving.listDeployments({ parent: name, pageSize: 10 }),
  ]);
  const endpoint = found.endpoint as Endpoint;
  const stats = figures.stats as EndpointStats;
  if (session.isJson) {
    session.printJson({
      endpoint: plainJson(endpoint),
      stats: plainJson(stats),
      deployments: list.deployments.map(plainJson),
    });
    return 0;
  }
  const { style } = session;
  const latency = Object.entries(stats.latencyUs)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([quantile, us]) => `p${Number(quantile) * 100} ${duration(us / 1000)}`);
  const failed = Object.entries(stats.failed).map(([code, n]) => `${code} ${count(n)}`);
  session.print(
    details(
      [
        ['endpoint', style.bold(idOf(endpoint.name))],
        ['description', endpoint.description],
        ['answers with', endpoint.deployment ? shortName(endpoint.deployment.modelVersion) : style.warn('nothing yet')],
        ['follows', `${idOf(endpoint.registeredModel)}@${endpoint.alias}`],
        ['inputs', endpoint.signature?.inputs.map((t) => `${t.name} ${t.datatype}${t.optional ? '?' : ''}`).join(', ')],
        ['outputs', endpoint.signature?.outputs.map((t) => `${t.name} ${t.datatype}`).join(', ')],
        ['answered', count(stats.succeeded)],
        ['failed', failed.length > 0 ? style.bad(failed.join(', ')) : '0'],
        ['latency', latency.join('  ')],
        ['waiting', count(stats.queued)],
        ...Object.entries(stats.rowsByVersion).map(
          ([version, rows]) => ['', `${shortName(version)} ${count(rows)} rows`] as const,
        ),
        [
          'logged',
          `${count(stats.loggedRows)} rows${stats.lostRows > 0n ? `, ${style.bad(`${count(stats.lostRows)} lost`)}` : ''}`,
        ],
      ],
      { width: session.width, name: style.dim },
    ),
  );
  session.print('');
  await session.printTable<Deployment>(
    list.deployments,
    [
      { title: 'DEPLOYMENT', value: (d) => idOf(d.name), priority: 2 },
      { title: 'VERSION', value: (d) => shortName(d.modelVersion), priority: 0 },
      { title: 'STATE', value: (d) => (d.active ? style.good('active') : markOf(d.execution?.state)), priority: 0 },
      { title: 'FROM', value: (d) => moment(dateOf(d.activeTime)), priority: 1 },
      { title: 'UNTIL', value: (d) => moment(dateOf(d.retireTime)), priority: 1 },
      { title: 'FAILURE', value: (d) => d.execution?.failure?.message ?? '', priority: 3 },
    ],
    'Nothing was deployed yet.',
  );
  return 0;
};
