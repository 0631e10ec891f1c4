import { toJson } from '@bufbuild/protobuf';
import type { FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { FeatureViewSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { explainPlan } from '@millrace/features';
import { canonicalJson } from '@millrace/kernel';
import type { CheckedView } from './compile.ts';
import { plainView } from './definitions.ts';

/** What changes in a view. */
export interface ViewDiff {
  readonly kind: 'CREATE' | 'UPDATE' | 'NONE';
  /** A sentence each. */
  readonly details: readonly string[];
  /** Whether online values no longer are what the view says. */
  readonly recompute: boolean;
}

/** A version of a view: checked, where the columns of its dataset are known. */
export interface ViewSide {
  readonly view: FeatureView;
  readonly checked: CheckedView | undefined;
}

/** Compares a view as stored (undefined: there is none) with a view as it is to be. */
export function diffViews(before: ViewSide | undefined, after: ViewSide): ViewDiff {
  if (!before) {
    const features = after.view.features.map((feature) => feature.name).join(', ');
    return { kind: 'CREATE', details: [`New view with the features ${features}.`], recompute: true };
  }
  const [from, to] = [textsOf(before.view), textsOf(after.view)];
  if (canonicalJson(from) === canonicalJson(to)) return { kind: 'NONE', details: [], recompute: false };
  const described = before.view.description === after.view.description ? [] : ['The description is changed.'];
  if (before.checked && after.checked)
    return diffChecked(before.checked, after.checked, described, isReordered(before.view, after.view));
  const parts = Object.keys({ ...from, ...to }).filter(
    (key) => key !== 'description' && canonicalJson(from[key]) !== canonicalJson(to[key]),
  );
  const details = parts.map((part) => `"${part}" is changed from ${shorten(from[part])} to ${shorten(to[part])}.`);
  return { kind: 'UPDATE', details: [...described, ...details], recompute: parts.length > 0 };
}

function diffChecked(
  before: CheckedView,
  after: CheckedView,
  described: readonly string[],
  isMoved: boolean,
): ViewDiff {
  const plan = explainPlan(before.compiled, after.compiled);
  const keys = canonicalJson([before.joinKeys, before.keySql]) === canonicalJson([after.joinKeys, after.keySql]);
  const details = [
    ...described,
    ...(keys ? [] : ['The keys are changed.']),
    ...plan.settings.map(({ setting, from, to }) => `"${setting}" is changed from ${from} to ${to}.`),
    ...plan.features.map(
      ({ name, change, parts }) => `Feature "${name}" is ${change}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}.`,
    ),
    ...(isMoved ? ['The features are in another order.'] : []),
  ];
  // Online values are kept in the order of the features, so that a view with fewer of them is computed again, too.
  const recompute = plan.recompute || !keys || isMoved || plan.features.some((feature) => feature.change === 'removed');
  return { kind: details.length > 0 ? 'UPDATE' : 'NONE', details, recompute };
}

function isReordered(before: FeatureView, after: FeatureView): boolean {
  const [from, to] = [before, after].map((view) => view.features.map((feature) => feature.name));
  const common = new Set(to).intersection(new Set(from));
  return (
    canonicalJson(from!.filter((name) => common.has(name))) !== canonicalJson(to!.filter((name) => common.has(name)))
  );
}

function textsOf(view: FeatureView): Record<string, unknown> {
  return toJson(FeatureViewSchema, plainView(view)) as Record<string, unknown>;
}

function shorten(value: unknown): string {
  const text = value === undefined ? 'nothing' : canonicalJson(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
