import { canonicalJson } from '@millrace/kernel';
import { toSql } from './sql.ts';
import type { CompiledFeature, CompiledFeatureView } from './view.ts';

/** What happens to one feature when a view is applied. */
export interface FeatureChange {
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed' | 'documented';
  /** Which parts differ, for `changed` and `documented`: `type`, `expression`, `aggregate`, `window`, `over`, `doc`. */
  readonly parts: readonly string[];
}

/** A view's own setting that differs. */
export interface SettingChange {
  readonly setting: 'source' | 'entityKeys' | 'eventTime' | 'availableTime' | 'refresh' | 'rowKey' | 'ttl';
  readonly from: string;
  readonly to: string;
}

/** What applying a view would do. */
export interface FeatureViewPlan {
  readonly view: string;
  readonly action: 'create' | 'update' | 'delete' | 'unchanged';
  readonly features: readonly FeatureChange[];
  readonly settings: readonly SettingChange[];
  /** Whether stored values of the view are no longer right, so that its history has to be computed again. */
  readonly recompute: boolean;
  /** Whether users of the view may break: a feature is gone or has another type, the entity or the source is another. */
  readonly breaking: boolean;
}

/**
 * Compares a view as it is with a view as it is to be; either may be missing, not both. Expressions are compared as
 * checked: spaces, letter case of names and other spellings of one tree are no difference.
 */
export function explainPlan(
  before: CompiledFeatureView | undefined,
  after: CompiledFeatureView | undefined,
): FeatureViewPlan {
  const view = (after ?? before)?.name ?? '';
  const settings = before && after ? settingChanges(before, after) : [];
  const features = featureChanges(before?.features ?? [], after?.features ?? [], before, after);
  const touched = settings.length > 0 || features.length > 0;
  const action = !before ? 'create' : !after ? 'delete' : touched ? 'update' : 'unchanged';
  return {
    view,
    action,
    features,
    settings,
    recompute:
      after !== undefined &&
      (settings.length > 0 || features.some((f) => f.change === 'added' || f.change === 'changed')),
    breaking:
      features.some((f) => f.change === 'removed' || f.parts.includes('type')) ||
      settings.some((s) => s.setting === 'entityKeys' || s.setting === 'source'),
  };
}

function settingChanges(before: CompiledFeatureView, after: CompiledFeatureView): SettingChange[] {
  const [from, to] = [settingsOf(before), settingsOf(after)];
  return (Object.keys(from) as SettingChange['setting'][])
    .filter((setting) => from[setting] !== to[setting])
    .map((setting) => ({ setting, from: from[setting], to: to[setting] }));
}

function settingsOf(view: CompiledFeatureView): Record<SettingChange['setting'], string> {
  const { cadenceMicros, offsetMicros } = view.refresh;
  const columns = (list: readonly { name: string; type: string }[]) =>
    list.map((c) => `${c.name} ${c.type}`).join(', ');
  return {
    source: view.definition.source,
    entityKeys: columns(view.keys),
    eventTime: toSql(view.eventTime),
    availableTime: toSql(view.availableTime),
    refresh: `every ${cadenceMicros} us from ${offsetMicros} us`,
    rowKey: columns(view.rowKey),
    ttl: view.ttlMicros === undefined ? 'none' : `${view.ttlMicros} us`,
  };
}

function featureChanges(
  before: readonly CompiledFeature[],
  after: readonly CompiledFeature[],
  oldView: CompiledFeatureView | undefined,
  newView: CompiledFeatureView | undefined,
): FeatureChange[] {
  const old = new Map(before.map((f) => [f.name, f]));
  const changes = after.flatMap((f): FeatureChange[] => {
    const was = old.get(f.name);
    if (!was) return [{ name: f.name, change: 'added', parts: [] }];
    const [from, to] = [partsOf(was, oldView), partsOf(f, newView)];
    const parts = Object.keys({ ...from, ...to }).filter((part) => from[part] !== to[part]);
    if (parts.length === 0) return [];
    return [{ name: f.name, change: parts.every((p) => p === 'doc') ? 'documented' : 'changed', parts }];
  });
  const kept = new Set(after.map((f) => f.name));
  const removed = before.filter((f) => !kept.has(f.name));
  return [...changes, ...removed.map((f): FeatureChange => ({ name: f.name, change: 'removed', parts: [] }))];
}

function partsOf(feature: CompiledFeature, view: CompiledFeatureView | undefined): Record<string, string> {
  const doc = view?.definition.features.find((f) => f.name === feature.name)?.doc ?? '';
  const common = { type: feature.type, doc };
  if (feature.kind === 'last-known') return { ...common, expression: toSql(feature.expression) };
  return {
    ...common,
    aggregate: feature.function,
    window: canonicalJson(feature.windowMicros),
    over: feature.over ? toSql(feature.over) : '',
  };
}
