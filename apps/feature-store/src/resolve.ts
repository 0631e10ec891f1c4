import type { Entity, FeatureService } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type { ColumnSchema, FeatureType } from '@millrace/features';
import { AppError, isAppError, names, notFound } from '@millrace/kernel';
import type { Queryable } from '@millrace/postgres';
import type { CheckedView } from './compile.ts';
import type { PinnedVersion } from './datasets.ts';
import type { Deps } from './deps.ts';
import { type KnownView, planService, type ServicePlan } from './service-plan.ts';
import { findEntities, findServices, findViews, type StoredView, saveViewTypes } from './store/catalog.ts';

/** A view with its entity. */
export interface ViewWithEntity extends StoredView {
  readonly entity: Entity;
}

/** A view at a version of its dataset. */
export interface PinnedView extends ViewWithEntity {
  readonly checked: CheckedView;
  readonly version: PinnedVersion;
}

/** The views of these names with their entities, in this order; NOT_FOUND `FEATURE_VIEW_NOT_FOUND`. */
export async function requireViews(
  q: Queryable,
  viewNames: readonly string[],
  field: string,
): Promise<ViewWithEntity[]> {
  const parsed = viewNames.map((name, i) => names.featureView.parse(name, `${field}[${i}]`));
  const [workspace] = new Set(parsed.map((ids) => ids.workspace));
  if (workspace === undefined) return [];
  const views = await findViews(
    q,
    workspace,
    parsed.map((ids) => ids.featureView),
  );
  const entities = new Map((await findEntities(q, workspace)).map((entity) => [entity.name, entity]));
  return viewNames.map((name) => {
    const view = views.find((candidate) => candidate.view.name === name);
    const entity = view && entities.get(view.view.entity);
    if (!view || !entity) throw notFound('FeatureView', name);
    return { ...view, entity };
  });
}

/** A service with its views; NOT_FOUND `FEATURE_SERVICE_NOT_FOUND`. */
export async function requireService(
  q: Queryable,
  name: string,
  field = 'name',
): Promise<{ service: FeatureService; views: ViewWithEntity[] }> {
  const ids = names.featureService.parse(name, field);
  const [service] = await findServices(q, ids.workspace, [ids.featureService]);
  if (!service) throw notFound('FeatureService', name);
  return {
    service,
    views: await requireViews(
      q,
      service.views.map((view) => view.featureView),
      'views',
    ),
  };
}

/** What a stored service gives; its views are checked already, so nothing can be wrong with it but what is not known yet. */
export async function planOf(
  deps: Pick<Deps, 'compiler'>,
  service: FeatureService,
  views: readonly ViewWithEntity[],
): Promise<ServicePlan> {
  const known = new Map<string, KnownView>(
    views.map(({ view, entity, types }) => [view.name, { view, entity, types }]),
  );
  return (await planService(service, known, deps.compiler, 'feature_service')).plan;
}

/**
 * Pins the views to the newest published versions of their datasets, and checks them against these. Views whose types were not
 * known have them from now on. FAILED_PRECONDITION `FEATURE_VIEW_BROKEN` when a view does not fit its dataset (any more).
 */
export async function pinViews(deps: Deps, views: readonly ViewWithEntity[]): Promise<PinnedView[]> {
  const datasets = [...new Set(views.map(({ view }) => view.dataset))];
  const pins = new Map(await Promise.all(datasets.map(async (name) => [name, await deps.datasets.pin(name)] as const)));
  const pinned: PinnedView[] = [];
  for (const view of views) {
    const { version, schema } = pins.get(view.view.dataset)!;
    const checked = await checkAgain(deps, view, schema);
    const types = Object.fromEntries(checked.compiled.features.map((f) => [f.name, f.type] as [string, FeatureType]));
    if (!view.types) {
      await saveViewTypes(deps.database, view.number, types);
      deps.changes.apply({ kind: 'catalog' });
    }
    pinned.push({ ...view, types, checked, version });
  }
  return pinned;
}

/** Checks a stored view against its dataset's columns. */
export async function checkAgain(
  deps: Pick<Deps, 'compiler'>,
  view: ViewWithEntity,
  schema: readonly ColumnSchema[],
): Promise<CheckedView> {
  try {
    return await deps.compiler.view(view.view, view.entity, schema, view.view.name);
  } catch (error) {
    if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
    throw new AppError(
      'FAILED_PRECONDITION',
      `The view "${view.view.name}" does not fit the columns of its dataset: ${error.message} Mend the view and apply it.`,
      {
        reason: 'FEATURE_VIEW_BROKEN',
        fields: { featureView: view.view.name, dataset: view.view.dataset },
        violations: error.violations,
        cause: error,
      },
    );
  }
}
