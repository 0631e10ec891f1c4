import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { untilEnded } from '@millrace/client';
import type { Promotion } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { PromotionDecision } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { EXIT } from '../exit-codes.ts';
import { plainJson } from '../plain-json.ts';
import { nameOf, shortName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action, Input } from '../tree/spec.ts';
import { optionInvalid } from '../tree/spec.ts';
import { executionView, watchWork } from '../watch.ts';
import { findVersion } from './model-version.ts';

/** `models promote VERSION`. */
export const promoteModel: Action = async (session, input) => {
  const { registry } = await session.client();
  const gates = gatesOf(session, input);
  const alias = input.text('alias') ?? 'champion';
  const { name } = await findVersion(session, input.argument(0));
  const actor = userInfo().username;
  if (input.flag('force')) {
    if (gates.length > 0)
      throw optionInvalid('force', 'moves the alias without gates. Leave out either it or the gates.');
    const { modelVersion } = await registry.setAlias({
      modelVersion: name,
      alias,
      actor,
      comment: input.text('comment') ?? '',
    });
    if (session.isJson && modelVersion) session.printJson(plainJson(modelVersion));
    else session.print(`${alias} points to ${shortName(name)} now.`);
    return EXIT.ok;
  }
  const { promotion } = await registry.promoteModelVersion({
    modelVersion: name,
    alias,
    gates,
    actor,
    requestId: randomUUID(),
  });
  const ended = await watch(session, promotion as Promotion);
  if (session.isJson) session.printJson(plainJson(ended));
  else printResult(session, ended);
  return ended.decision === PromotionDecision.PROMOTED ? EXIT.ok : EXIT.precondition;
};

async function watch(session: Session, { id, modelVersion }: Promotion): Promise<Promotion> {
  const { registry } = await session.client();
  const registeredModel = modelVersion.slice(0, modelVersion.indexOf('/versions/'));
  async function* states(): AsyncIterable<Promotion> {
    for await (const { promotion } of registry.watchPromotion({ registeredModel, id }, { signal: session.signal }))
      if (promotion) yield promotion;
  }
  const last = await watchWork(session, states(), {
    steps: (state, now) => [executionView('gates', state.execution, now)],
    json: async () => undefined,
  });
  return untilEnded(
    (async function* () {
      if (last) yield last;
    })(),
  );
}

function printResult({ style, io }: Session, promotion: Promotion): void {
  const isPromoted = promotion.decision === PromotionDecision.PROMOTED;
  for (const result of promotion.results)
    io.stdout.write(`${result.holds ? style.good('✔') : style.bad('✘')} ${result.gate}: ${result.evidence}\n`);
  io.stdout.write(
    isPromoted
      ? `${style.good('Promoted')}: ${promotion.alias} points to ${shortName(promotion.modelVersion)} now${promotion.previousVersion ? `, before to ${shortName(promotion.previousVersion)}` : ''}.\n`
      : `${style.bad('Rejected')}: ${promotion.alias} stays where it is.\n`,
  );
}

function gatesOf(session: Session, input: Input) {
  const metricGates = input.list('gate').map((text) => {
    const match = /^([a-z][a-z0-9_]*)\s*(>=|<=)\s*(-?\d+(?:\.\d+)?)$/.exec(text.trim());
    if (!match) throw optionInvalid('gate', `"${text}" is not a condition. Write it like auc>=0.7 or log_loss<=0.45.`);
    const [, metric, operator, value] = match as unknown as [string, string, string, string];
    const bound = operator === '>=' ? { minValue: Number(value) } : { maxValue: Number(value) };
    return { kind: { case: 'metric' as const, value: { metric, ...bound } } };
  });
  const metric = input.text('betterThanAlias');
  if (metric === undefined) return metricGates;
  const set = input.text('evaluationSet');
  if (set === undefined)
    throw optionInvalid('evaluationSet', 'is missing. Name the training set on whose rows both are compared.');
  const evaluationSet = nameOf(session, 'trainingSet', set);
  return [...metricGates, { kind: { case: 'betterThanAlias' as const, value: { metric, evaluationSet } } }];
}
