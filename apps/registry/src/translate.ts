import { create, fromJson, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ModelVersion, Promotion } from '@millrace/contracts/millrace/registry/v1/registered_model';
import {
  type ModelHistoryEntrySchema,
  ModelVersionSchema,
  PromotionSchema,
  type RegisteredModelSchema,
} from '@millrace/contracts/millrace/registry/v1/registered_model';
import type { JobRow } from '@millrace/jobs';
import { toExecution } from '@millrace/jobs';
import type { HistoryRow } from './store/history.ts';
import type { ModelRow } from './store/models.ts';
import type { PromotionRow } from './store/promotions.ts';
import type { VersionRow } from './store/versions.ts';

/** A model's row as a message. */
export function modelToProto(row: ModelRow): MessageInitShape<typeof RegisteredModelSchema> {
  return {
    name: row.name,
    description: row.description,
    aliases: { ...row.aliases },
    latestVersion: row.latestNumber === 0 ? '' : `${row.name}/versions/${row.latestNumber}`,
    createTime: timestampFromDate(row.createdAt),
    etag: row.etag,
  };
}

/** A version's row as a message. */
export function versionToProto(row: VersionRow): ModelVersion {
  return { ...fromJson(ModelVersionSchema, row.document), aliases: [...row.aliases] };
}

/** A version as a row's document: without aliases, which change. */
export function versionToDocument(version: MessageInitShape<typeof ModelVersionSchema>) {
  return toJson(ModelVersionSchema, create(ModelVersionSchema, { ...version, aliases: [] }));
}

/** A promotion's row as a message, with how far its job has come. */
export function promotionToProto(row: PromotionRow, job: JobRow | undefined): MessageInitShape<typeof PromotionSchema> {
  const promotion = promotionOf(row);
  return job ? { ...promotion, execution: toExecution(job) } : promotion;
}

/** The promotion in a row's document. */
export function promotionOf(row: PromotionRow): Promotion {
  return fromJson(PromotionSchema, row.document);
}

/** A promotion as a row's document: without its execution, which the job holds. */
export function promotionToDocument(promotion: MessageInitShape<typeof PromotionSchema>) {
  const { execution: _, ...rest } = create(PromotionSchema, promotion);
  return toJson(PromotionSchema, create(PromotionSchema, rest));
}

/** A history row as a message. */
export function historyToProto(row: HistoryRow): MessageInitShape<typeof ModelHistoryEntrySchema> {
  const { kind, version, alias, actor, comment } = row;
  return { kind, modelVersion: version, alias, actor, comment, time: timestampFromDate(row.happenedAt) };
}
