import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PromotionSchema } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { PromotionDecision } from '@millrace/contracts/millrace/registry/v1/registered_model';
import {
  ModelVersionPromotedSchema,
  ModelVersionRejectedSchema,
} from '@millrace/contracts/millrace/registry/v1/registry_events';
import { emitEvent } from '@millrace/events';
import type { Tx } from '@millrace/postgres';
import { insertHistory } from './store/history.ts';
import { findAlias, lockModel, upsertAlias } from './store/models.ts';
import { updatePromotion } from './store/promotions.ts';
import { promotionToDocument } from './translate.ts';

/** A judged promotion. */
type Judged = MessageInitShape<typeof PromotionSchema> & {
  id: string;
  modelVersion: string;
  alias: string;
  actor: string;
};

/** Who points an alias where, and why. */
export interface AliasChange {
  readonly model: string;
  readonly alias: string;
  readonly version: string;
  readonly actor: string;
  readonly comment: string;
  readonly kind: 'ALIAS_SET' | 'PROMOTED';
  readonly now: Date;
}

/** Points an alias to a version, writes it into the history and emits the event; gives the version it pointed to before. */
export async function setAlias(tx: Tx, change: AliasChange): Promise<string> {
  const { model, alias, version, actor, comment, kind, now } = change;
  await lockModel(tx, model);
  const previousVersion = (await findAlias(tx, model, alias)) ?? '';
  if (previousVersion === version) return previousVersion;
  await upsertAlias(tx, model, alias, version, now);
  await insertHistory(tx, model, { kind, version, alias, actor, comment, happenedAt: now });
  await emitEvent(tx, {
    subject: 'millrace.registry.v1.model_version.promoted',
    resource: model,
    schema: ModelVersionPromotedSchema,
    message: { modelVersion: version, alias, previousVersion },
  });
  return previousVersion;
}

/** Carries out what a promotion has come to. */
export async function applyPromotion(tx: Tx, model: string, promotion: Judged, now: Date): Promise<void> {
  const { modelVersion: version, alias, actor } = promotion;
  const comment = (promotion.results ?? []).map((result) => result.evidence).join(' ');
  if (promotion.decision === PromotionDecision.PROMOTED) {
    const previousVersion = await setAlias(tx, { model, alias, version, actor, comment, kind: 'PROMOTED', now });
    await updatePromotion(tx, promotion.id, promotionToDocument({ ...promotion, previousVersion }));
    return;
  }
  const previousVersion = (await findAlias(tx, model, alias)) ?? '';
  const rejected = { ...promotion, previousVersion };
  await updatePromotion(tx, promotion.id, promotionToDocument(rejected));
  await insertHistory(tx, model, { kind: 'PROMOTION_REJECTED', version, alias, actor, comment, happenedAt: now });
  await emitEvent(tx, {
    subject: 'millrace.registry.v1.model_version.rejected',
    resource: model,
    schema: ModelVersionRejectedSchema,
    message: { promotion: rejected },
  });
}
