import { randomUUID } from 'node:crypto';
import { untilEnded } from '@millrace/client';
import type { Deployment } from '@millrace/contracts/millrace/serving/v1/endpoint';
import { plainJson } from '../plain-json.ts';
import { idOf, nameOf, shortName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';
import { executionView, watchWork } from '../watch.ts';
import { findVersion } from './model-version.ts';

/** `endpoints deploy ENDPOINT`. */
export const deploy: Action = async (session, input) => {
  const { serving } = await session.client();
  const endpoint = nameOf(session, 'endpoint', input.argument(0));
  const given = input.text('modelVersion');
  const modelVersion = given === undefined ? '' : (await findVersion(session, given)).name;
  const { deployment } = await serving.deploy({ endpoint, modelVersion, requestId: randomUUID() });
  return finish(session, deployment as Deployment);
};

/** `endpoints rollback ENDPOINT`. */
export const rollback: Action = async (session, input) => {
  const { serving } = await session.client();
  const endpoint = nameOf(session, 'endpoint', input.argument(0));
  const { deployment } = await serving.rollback({ endpoint, requestId: randomUUID() });
  return finish(session, deployment as Deployment);
};

async function finish(session: Session, { name }: Deployment): Promise<number> {
  const { serving } = await session.client();
  async function* states(): AsyncIterable<Deployment> {
    for await (const { deployment } of serving.watchDeployment({ name }, { signal: session.signal }))
      if (deployment) yield deployment;
  }
  const last = await watchWork(session, states(), {
    steps: (state, now) => [executionView('deploy', state.execution, now)],
    json: async () => undefined,
  });
  const ended = await untilEnded(
    (async function* () {
      if (last) yield last;
    })(),
  );
  if (session.isJson) session.printJson(plainJson(ended));
  else
    session.print(
      `${idOf(name.slice(0, name.indexOf('/deployments/')))} answers with ${session.style.good(shortName(ended.modelVersion))}.`,
    );
  return 0;
}
