import { clone, type JsonValue, toJson } from '@bufbuild/protobuf';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { Entity, FeatureService, FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import {
  AggregateFunction,
  EntitySchema,
  FeatureServiceSchema,
  FeatureViewSchema,
} from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { canonicalJson, type FieldViolation, names, sha256 } from '@millrace/kernel';
import { durationMicros, durationText } from './domain/times.ts';
import { nameOfType } from './types.ts';

/** The part of an entity that users write. */
export function plainEntity(entity: Entity): Entity {
  return Object.assign(clone(EntitySchema, entity), { name: '', etag: '' });
}

/** The part of a view that users write. */
export function plainView(view: FeatureView): FeatureView {
  const plain = Object.assign(clone(FeatureViewSchema, view), { name: '', etag: '' });
  delete plain.materializedTime;
  delete plain.createTime;
  delete plain.updateTime;
  for (const feature of plain.features) feature.type = DataType.UNSPECIFIED;
  return plain;
}

/** The part of a service that users write. */
export function plainService(service: FeatureService): FeatureService {
  return Object.assign(clone(FeatureServiceSchema, service), { name: '', etag: '', columns: [] });
}

/** A short digest of a definition: its etag. */
export function etagOf(definition: JsonValue): string {
  return sha256(canonicalJson(definition)).slice('sha256:'.length, 'sha256:'.length + 16);
}

/** The definition of each kind as JSON. */
export const definitionOf = {
  entity: (entity: Entity): JsonValue => toJson(EntitySchema, plainEntity(entity)),
  view: (view: FeatureView): JsonValue => toJson(FeatureViewSchema, plainView(view)),
  service: (service: FeatureService): JsonValue => toJson(FeatureServiceSchema, plainService(service)),
};

/** What is wrong with an entity. */
export function checkEntity(entity: Entity, field: string): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const seen = new Set<string>();
  for (const [i, key] of entity.joinKeys.entries()) {
    const at = `${field}.join_keys[${i}]`;
    if (key.type !== DataType.STRING && key.type !== DataType.INT64)
      violations.push({
        field: `${at}.type`,
        reason: 'KEY_TYPE',
        description: `A key is STRING or INT64, not ${nameOfType(key.type)}.`,
      });
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(key.name))
      violations.push({
        field: `${at}.name`,
        reason: 'NAME_INVALID',
        description: `${JSON.stringify(key.name.slice(0, 80))} is not a name: use letters, digits and "_", at most 63.`,
      });
    if (seen.has(key.name.toLowerCase()))
      violations.push({
        field: `${at}.name`,
        reason: 'NAME_TAKEN',
        description: `"${key.name}" stands twice. Rename one of the two.`,
      });
    seen.add(key.name.toLowerCase());
  }
  return violations;
}

/** What is wrong with a view as far as it can be told without its dataset's columns. */
export function checkViewForm(view: FeatureView, entity: Entity | undefined, field: string): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const add = (at: string, reason: string, description: string) =>
    violations.push({ field: `${field}.${at}`, reason, description });
  if (!entity)
    add('entity', 'ENTITY_NOT_FOUND', `There is no entity "${view.entity}". Apply it before, or with the view.`);
  if (!names.dataset.matches(view.dataset))
    add(
      'dataset',
      'RESOURCE_NAME_INVALID',
      `"${view.dataset.slice(0, 120)}" is not of the form ${names.dataset.pattern}.`,
    );
  if (entity && view.keyExpressions.length > 0 && view.keyExpressions.length !== entity.joinKeys.length)
    add(
      'key_expressions',
      'KEY_EXPRESSIONS_COUNT',
      `There are ${view.keyExpressions.length} expressions for ${entity.joinKeys.length} keys. Give one for each key, in order, or none.`,
    );
  const refresh = view.refresh ? durationMicros(view.refresh) : 0n;
  if (refresh <= 0n) add('refresh', 'DURATION_INVALID', 'must be a span greater than zero, such as 1d.');
  if (view.ttl && durationMicros(view.ttl) < 0n) add('ttl', 'DURATION_INVALID', 'must not be negative.');
  const seen = new Set<string>();
  for (const [i, feature] of view.features.entries()) {
    const at = `features[${i}]`;
    if (seen.has(feature.name))
      add(`${at}.name`, 'NAME_TAKEN', `"${feature.name}" stands twice in this view. Rename one of the two.`);
    seen.add(feature.name);
    const isWindowed = feature.aggregate !== AggregateFunction.UNSPECIFIED;
    if (isWindowed && AggregateFunction[feature.aggregate] === undefined)
      add(`${at}.aggregate`, 'AGGREGATE_UNKNOWN', `${feature.aggregate} is no aggregate.`);
    const window = feature.window ? durationMicros(feature.window) : undefined;
    if (isWindowed && (window === undefined || window <= 0n))
      add(`${at}.window`, 'WINDOW_MISSING', 'An aggregate needs a window greater than zero, such as 7d.');
    if (!isWindowed && window !== undefined)
      add(`${at}.window`, 'WINDOW_WITHOUT_AGGREGATE', 'A window needs an aggregate. Set one, or leave the window out.');
    if (isWindowed && window !== undefined && window > 0n && refresh > 0n && window % refresh !== 0n)
      add(
        `${at}.window`,
        'WINDOW_NOT_MULTIPLE_OF_REFRESH',
        `${durationText(window)} is not a multiple of the refresh, ${durationText(refresh)}. Change one of the two.`,
      );
  }
  return violations;
}
