import type {
  ComparisonGate,
  Gate,
  GateResult,
  ModelVersion,
  Promotion,
} from '@millrace/contracts/millrace/registry/v1/registered_model';
import { PromotionDecision } from '@millrace/contracts/millrace/registry/v1/registered_model';
import type { JobContext } from '@millrace/jobs';
import { runInWorker } from '@millrace/jobs';
import type { Digest } from '@millrace/kernel';
import { AppError, notFound } from '@millrace/kernel';
import type { BootstrapMetric } from '@millrace/learning';
import type { Database } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import { applyPromotion } from './alias-changes.ts';
import type { CompareInput } from './compare-models.ts';
import type { RegistryConfig } from './config.ts';
import type { Comparison } from './domain/gates.ts';
import { judgeComparison, judgeMetric, withoutIncumbent } from './domain/gates.ts';
import { readEvaluationRows } from './evaluation-rows.ts';
import type { Origins } from './register.ts';
import { findAlias } from './store/models.ts';
import { findPromotion } from './store/promotions.ts';
import { findVersion } from './store/versions.ts';
import { promotionOf, versionToProto } from './translate.ts';

/** What a promotion's job is given. */
export interface PromotionPayload {
  readonly model: string;
  readonly id: string;
}

/** What judging works with. */
export interface PromotionDeps {
  readonly platform: Platform;
  readonly database: Database;
  readonly origins: Origins;
  readonly config: RegistryConfig;
}

/** Judges the gates one after the other, all of them, then moves the alias or leaves it, with the evidence. */
export async function judgePromotion(deps: PromotionDeps, context: JobContext<PromotionPayload>): Promise<void> {
  const { model, id } = context.payload;
  const row = await findPromotion(deps.database, model, id);
  if (!row) throw notFound('Promotion', id);
  const promotion = promotionOf(row);
  const candidate = await versionOf(deps, promotion.modelVersion);
  const outcomes: GateResult[] = [];
  for (const [i, gate] of promotion.gates.entries()) {
    context.progress({ fraction: i / promotion.gates.length, message: `gate ${i + 1} of ${promotion.gates.length}` });
    outcomes.push(await judgeGate(deps, context, promotion, candidate, gate, i));
  }
  const isPromoted = outcomes.every((outcome) => outcome.holds);
  const decision = isPromoted ? PromotionDecision.PROMOTED : PromotionDecision.REJECTED;
  const now = deps.platform.clock.now();
  await context.commit((tx) => applyPromotion(tx, model, { ...promotion, decision, results: outcomes }, now));
}

function judgeGate(
  deps: PromotionDeps,
  context: JobContext<PromotionPayload>,
  promotion: Promotion,
  candidate: ModelVersion,
  gate: Gate,
  index: number,
): Promise<GateResult> | GateResult {
  switch (gate.kind.case) {
    case 'metric':
      return judgeMetric(gate.kind.value, candidate.metrics);
    case 'betterThanAlias':
      return compare(deps, context, promotion, candidate, gate.kind.value);
    default:
      throw new AppError('INVALID_ARGUMENT', `Gate ${index} has no condition.`, { reason: 'GATE_EMPTY' });
  }
}

async function compare(
  deps: PromotionDeps,
  context: JobContext<PromotionPayload>,
  promotion: Promotion,
  candidate: ModelVersion,
  gate: ComparisonGate,
): Promise<GateResult> {
  const alias = gate.alias || promotion.alias;
  const incumbentName = await findAlias(deps.database, context.payload.model, alias);
  if (!incumbentName) return withoutIncumbent(gate, alias, `No version is ${alias} yet.`);
  if (incumbentName === candidate.name) return withoutIncumbent(gate, alias, `The version is ${alias} already.`);
  const incumbent = await versionOf(deps, incumbentName);
  const { trainingSet } = await deps.origins.featureStore.getTrainingSet({ name: gate.evaluationSet });
  if (!trainingSet) throw notFound('TrainingSet', gate.evaluationSet);
  requireService(candidate, trainingSet.spec?.featureService ?? '', gate.evaluationSet);
  const { platform, config } = deps;
  const rows = await readEvaluationRows(platform, trainingSet, config.evaluationRowsMax, context.signal);
  const input: CompareInput = {
    candidatePath: await platform.blobs.localPath(candidate.model?.digest as Digest),
    incumbentPath: await platform.blobs.localPath(incumbent.model?.digest as Digest),
    columns: rows.columns,
    labels: rows.labels,
    metric: gate.metric as BootstrapMetric,
    seed: Number(gate.seed),
  };
  const found = await runInWorker<Comparison, CompareInput, number>(
    new URL('./compare-models.ts', import.meta.url),
    'compareModels',
    input,
    {
      signal: context.signal,
      onProgress: (fraction) =>
        context.progress({ fraction, message: `comparing with ${alias}`, rows: rows.labels.length }),
      memoryMib: 2048,
    },
  );
  return judgeComparison(gate, alias, incumbentName, found);
}

async function versionOf(deps: PromotionDeps, name: string): Promise<ModelVersion> {
  const row = await findVersion(deps.database, name);
  if (!row) throw notFound('ModelVersion', name);
  return versionToProto(row);
}

/** Rows of another feature service would be other inputs under the same names. */
function requireService(candidate: ModelVersion, service: string, evaluationSet: string): void {
  const own = candidate.lineage?.featureService ?? '';
  if (own === service) return;
  throw new AppError(
    'FAILED_PRECONDITION',
    `Evaluation set "${evaluationSet}" was made with feature service "${service}", the model with "${own}". Make one with the model's.`,
    { reason: 'EVALUATION_SET_SERVICE', fields: { evaluationSet, service, expected: own } },
  );
}
