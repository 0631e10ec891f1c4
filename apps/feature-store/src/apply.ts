import { FeatureViewAppliedSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_store_events';
import type {
  ApplyFeatureViewsRequest,
  PlannedChange,
} from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { Entity, FeatureService, FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { emitEvent } from '@millrace/events';
import type { FeatureType } from '@millrace/features';
import {
  canonicalJson,
  type FieldViolation,
  invalidArgument,
  isAppError,
  names,
  type ResourceNamePattern,
} from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { announce } from './changes.ts';
import { type CheckedView, contractViolations } from './compile.ts';
import type { DatasetColumns } from './datasets.ts';
import { checkEntity, checkViewForm, definitionOf, etagOf, plainView } from './definitions.ts';
import type { Deps } from './deps.ts';
import { type KnownView, planService } from './service-plan.ts';
import {
  findEntities,
  findServices,
  findViews,
  lockCatalog,
  type StoredView,
  saveDefinition,
  saveView,
} from './store/catalog.ts';
import { clearOnlineView } from './store/online.ts';
import { diffViews, type ViewDiff } from './view-diff.ts';

type Change = Pick<PlannedChange, 'name' | 'kind' | 'details' | 'recompute'>;

/** A view of the request, checked. */
interface AppliedView {
  readonly id: string;
  readonly view: FeatureView;
  readonly checked: CheckedView | undefined;
  readonly diff: ViewDiff;
}

/** Checks everything, then stores all of it in one transaction; with `validateOnly` only tells the plan. */
export async function applyFeatureViews(
  deps: Deps,
  request: ApplyFeatureViewsRequest,
): Promise<{ workspace: string; plan: Change[] }> {
  const { workspace } = names.workspace.parse(request.parent, 'parent');
  const violations = checkIds(request, workspace);
  if (violations.length > 0) throw invalidArgument(violations[0]!.reason!, violations);
  const columns = await columnsOfDatasets(deps, request.featureViews);
  const plan = await deps.database.withTransaction(async (tx) => {
    await lockCatalog(tx, workspace);
    return await new Application(deps, tx, workspace, request, columns).run();
  });
  return { workspace, plan };
}

/** Names of the workspace, each once. */
function checkIds(request: ApplyFeatureViewsRequest, workspace: string): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const check = (list: readonly { name: string }[], field: string, pattern: ResourceNamePattern<string>) => {
    const seen = new Set<string>();
    for (const [i, { name }] of list.entries()) {
      const at = `${field}[${i}].name`;
      if (!pattern.matches(name) || !name.startsWith(`workspaces/${workspace}/`))
        violations.push({
          field: at,
          reason: 'RESOURCE_NAME_INVALID',
          description: `${JSON.stringify(name.slice(0, 120))} is not of the form ${pattern.pattern} with the workspace "${workspace}". Ids are 1 to 63 lower-case letters, digits, "-" or "_".`,
        });
      else if (seen.has(name))
        violations.push({ field: at, reason: 'NAME_TAKEN', description: `"${name}" stands twice in the request.` });
      seen.add(name);
    }
  };
  check(request.entities, 'entities', names.entity);
  check(request.featureViews, 'feature_views', names.featureView);
  check(request.featureServices, 'feature_services', names.featureService);
  return violations;
}

async function columnsOfDatasets(
  deps: Deps,
  views: readonly FeatureView[],
): Promise<ReadonlyMap<string, DatasetColumns>> {
  const datasets = [...new Set(views.map((view) => view.dataset))].filter((name) => names.dataset.matches(name));
  return new Map(await Promise.all(datasets.map(async (name) => [name, await deps.datasets.columns(name)] as const)));
}

/** One request at work, inside of its transaction. */
class Application {
  readonly #deps: Deps;
  readonly #tx: Tx;
  readonly #workspace: string;
  readonly #request: ApplyFeatureViewsRequest;
  readonly #columns: ReadonlyMap<string, DatasetColumns>;
  readonly #violations: FieldViolation[] = [];

  constructor(
    deps: Deps,
    tx: Tx,
    workspace: string,
    request: ApplyFeatureViewsRequest,
    columns: ReadonlyMap<string, DatasetColumns>,
  ) {
    this.#deps = deps;
    this.#tx = tx;
    this.#workspace = workspace;
    this.#request = request;
    this.#columns = columns;
  }

  async run(): Promise<Change[]> {
    const stored = {
      entities: new Map((await findEntities(this.#tx, this.#workspace)).map((e) => [e.name, e])),
      views: new Map((await findViews(this.#tx, this.#workspace)).map((v) => [v.view.name, v])),
      services: new Map((await findServices(this.#tx, this.#workspace)).map((s) => [s.name, s])),
    };
    const entities = new Map([...stored.entities, ...this.#request.entities.map((e) => [e.name, e] as const)]);
    for (const [i, entity] of this.#request.entities.entries()) this.#checkEntity(entity, `entities[${i}]`, stored);
    const views: AppliedView[] = [];
    for (const [i, view] of this.#request.featureViews.entries()) {
      const applied = await this.#checkView(view, `feature_views[${i}]`, entities, stored);
      if (applied) views.push(applied);
    }
    await this.#checkServices(views, entities, stored);
    if (this.#violations.length > 0)
      throw invalidArgument(this.#violations[0]!.reason ?? 'FEATURE_VIEW_INVALID', this.#violations);

    const plan = [
      ...this.#request.entities.map((e) => plainChange(e.name, definitionOf.entity, e, stored.entities.get(e.name))),
      ...views.map(({ view, diff }) => ({
        name: view.name,
        kind: diff.kind,
        details: [...diff.details],
        recompute: diff.recompute,
      })),
      ...this.#request.featureServices.map((s) =>
        plainChange(s.name, definitionOf.service, s, stored.services.get(s.name)),
      ),
    ];
    if (!this.#request.validateOnly) await this.#save(plan, views, stored.views);
    return plan;
  }

  #checkEntity(
    entity: Entity,
    field: string,
    stored: { entities: ReadonlyMap<string, Entity>; views: ReadonlyMap<string, StoredView> },
  ): void {
    this.#violations.push(...checkEntity(entity, field));
    const before = stored.entities.get(entity.name);
    if (!before || canonicalJson(keysOf(before)) === canonicalJson(keysOf(entity))) return;
    const requested = new Set(this.#request.featureViews.map((view) => view.name));
    const users = [...stored.views.values()].filter(
      ({ view }) => view.entity === entity.name && !requested.has(view.name),
    );
    if (users.length > 0)
      this.#violations.push({
        field: `${field}.join_keys`,
        reason: 'ENTITY_IN_USE',
        description: `The keys cannot change under the views ${users.map(({ id }) => id).join(', ')}. Apply these views in the same request.`,
      });
  }

  async #checkView(
    view: FeatureView,
    field: string,
    entities: ReadonlyMap<string, Entity>,
    stored: { entities: ReadonlyMap<string, Entity>; views: ReadonlyMap<string, StoredView> },
  ): Promise<AppliedView | undefined> {
    const entity = entities.get(view.entity);
    const found = checkViewForm(view, entity, field);
    const columns = this.#columns.get(view.dataset);
    const notes: string[] = [];
    if (columns?.state === 'missing') {
      // A plan may be asked for before anything of a pipeline exists.
      if (this.#request.validateOnly) notes.push(`The dataset "${view.dataset}" does not exist yet.`);
      else
        found.push({
          field: `${field}.dataset`,
          reason: 'DATASET_NOT_FOUND',
          description: `There is no dataset "${view.dataset}". Create it first, or mend the name.`,
        });
    }
    let checked: CheckedView | undefined;
    if (entity && columns?.state === 'known') {
      try {
        checked = await this.#deps.compiler.view(view, entity, columns.schema, field);
      } catch (error) {
        if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
        const fields = new Set(found.map((violation) => violation.field));
        found.push(...contractViolations(error, field).filter((violation) => !fields.has(violation.field)));
      }
    } else if (columns) {
      notes.push(
        'The dataset has no version yet: the expressions are checked against its columns when the view is first used.',
      );
      found.push(...(await this.#checkSyntax(view, field)));
    }
    this.#violations.push(...found);
    if (found.length > 0 || !entity) return undefined;
    const before = stored.views.get(view.name);
    const beforeEntity = before && stored.entities.get(before.view.entity);
    const beforeChecked =
      before && beforeEntity && columns?.state === 'known'
        ? await this.#deps.compiler.view(before.view, beforeEntity, columns.schema, field).catch(() => undefined)
        : undefined;
    const diff = diffViews(before && { view: before.view, checked: beforeChecked }, { view, checked });
    const isKeyed = !before || !beforeEntity || canonicalJson(keysOf(beforeEntity)) === canonicalJson(keysOf(entity));
    const rekeyed: ViewDiff = isKeyed
      ? diff
      : {
          kind: diff.kind === 'NONE' ? 'UPDATE' : diff.kind,
          details: [...diff.details, 'The keys of the entity are changed.'],
          recompute: true,
        };
    return {
      id: names.featureView.parse(view.name).featureView,
      view,
      checked,
      diff: { ...rekeyed, details: [...rekeyed.details, ...notes] },
    };
  }

  /** What can be told about expressions without knowing the columns: syntax, and what is never allowed. */
  async #checkSyntax(view: FeatureView, field: string): Promise<FieldViolation[]> {
    const texts = [
      ...view.keyExpressions.map((text, i) => [text, `key_expressions[${i}]`] as const),
      [view.eventTime, 'event_time'] as const,
      ...(view.availableTime === '' ? [] : [[view.availableTime, 'available_time'] as const]),
      ...view.features.map((feature, i) => [feature.expression, `features[${i}].expression`] as const),
    ];
    const results = await Promise.all(
      texts.map(async ([text, at]) => {
        try {
          await this.#deps.compiler.expression(text, [], `${field}.${at}`);
          return [];
        } catch (error) {
          const isTold = isAppError(error) && /^EXPRESSION_(SYNTAX|FORBIDDEN|UNKNOWN_FUNCTION)$/.test(error.reason);
          return isTold ? contractViolations(error, `${field}.${at}`) : [];
        }
      }),
    );
    return results.flat();
  }

  /** The services of the request, and those that are stored and use a view of the request. */
  async #checkServices(
    applied: readonly AppliedView[],
    entities: ReadonlyMap<string, Entity>,
    stored: { views: ReadonlyMap<string, StoredView>; services: ReadonlyMap<string, FeatureService> },
  ): Promise<void> {
    const views = new Map<string, KnownView>();
    const put = (view: FeatureView, types: KnownView['types']) => {
      const entity = entities.get(view.entity);
      if (entity) views.set(view.name, { view, entity, types });
    };
    for (const { view, types } of stored.views.values()) put(view, types);
    for (const view of this.#request.featureViews) put(view, undefined);
    for (const { view, checked } of applied) put(view, typesOf(checked));
    const requested = new Set(this.#request.featureServices.map((service) => service.name));
    const touched = new Set(applied.filter(({ diff }) => diff.kind === 'UPDATE').map(({ view }) => view.name));
    for (const [i, service] of this.#request.featureServices.entries())
      this.#violations.push(
        ...(await planService(service, views, this.#deps.compiler, `feature_services[${i}]`)).violations,
      );
    for (const service of stored.services.values()) {
      if (requested.has(service.name) || !service.views.some((view) => touched.has(view.featureView))) continue;
      const { violations } = await planService(service, views, this.#deps.compiler, 'feature_views');
      this.#violations.push(
        ...violations.map((v) => ({
          ...v,
          description: `The service "${service.name}" would break: ${v.description}`,
        })),
      );
    }
  }

  async #save(
    plan: readonly Change[],
    views: readonly AppliedView[],
    stored: ReadonlyMap<string, StoredView>,
  ): Promise<void> {
    const now = this.#deps.clock.now();
    const isChanged = new Map(plan.map((change) => [change.name, change.kind !== 'NONE']));
    for (const entity of this.#request.entities) {
      const definition = definitionOf.entity(entity);
      const { entity: id } = names.entity.parse(entity.name);
      if (isChanged.get(entity.name))
        await saveDefinition(this.#tx, 'entities', this.#workspace, { id, definition, etag: etagOf(definition), now });
    }
    for (const { id, view, checked, diff } of views) {
      if (diff.kind === 'NONE') continue;
      const definition = definitionOf.view(view);
      const plain = { view: plainView(view), types: typesOf(checked), etag: etagOf(definition), now };
      await saveView(this.#tx, this.#workspace, id, plain);
      const before = stored.get(view.name);
      if (before && diff.recompute) await clearOnlineView(this.#tx, before.number);
    }
    for (const service of this.#request.featureServices) {
      const definition = definitionOf.service(service);
      const { featureService: id } = names.featureService.parse(service.name);
      if (isChanged.get(service.name))
        await saveDefinition(this.#tx, 'feature_services', this.#workspace, {
          id,
          definition,
          etag: etagOf(definition),
          now,
        });
    }
    await announce(this.#tx, { kind: 'catalog' });
    this.#tx.afterCommit(() => this.#deps.changes.apply({ kind: 'catalog' }));
    for (const { view, diff } of views)
      if (diff.kind !== 'NONE')
        await emitEvent(this.#tx, {
          subject: 'millrace.featurestore.v1.feature_view.applied',
          resource: view.name,
          schema: FeatureViewAppliedSchema,
          message: { featureView: view.name },
        });
  }
}

const keysOf = (entity: Entity) => entity.joinKeys.map(({ name, type }) => [name, type]);

function typesOf(checked: CheckedView | undefined): Record<string, FeatureType> | undefined {
  return checked && Object.fromEntries(checked.compiled.features.map((feature) => [feature.name, feature.type]));
}

function plainChange<T>(name: string, definition: (resource: T) => unknown, after: T, before: T | undefined): Change {
  if (before === undefined) return { name, kind: 'CREATE', details: [], recompute: false };
  const [from, to] = [definition(before), definition(after)] as Record<string, unknown>[];
  const parts = Object.keys({ ...from, ...to }).filter(
    (key) => canonicalJson(from?.[key]) !== canonicalJson(to?.[key]),
  );
  return {
    name,
    kind: parts.length > 0 ? 'UPDATE' : 'NONE',
    details: parts.map((part) => `"${part}" is changed.`),
    recompute: false,
  };
}
