import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { MaterializationFinishedSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_store_events';
import type { MaterializeRequest } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { emitEvent } from '@millrace/events';
import { boundaryAtOrBefore, emptyFeatureValues } from '@millrace/features';
import type { FailedJob, JobContext } from '@millrace/jobs';
import { enqueueJob } from '@millrace/jobs';
import { AppError, type Digest, invalidArgument, invariant, names } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { loadManifest } from '@millrace/tables';
import type { BoundaryValues } from './boundary-values.ts';
import { announce } from './changes.ts';
import type { Deps } from './deps.ts';
import { microsOf, timestampOf } from './domain/times.ts';
import { encodeValues } from './domain/values.ts';
import { checkAgain, type PinnedView, pinViews, requireViews, type ViewWithEntity } from './resolve.ts';
import { advanceMaterialized, emptyOnline, lockView, materializeOnline } from './store/online.ts';
import {
  addMaterializedRows,
  findMaterialization,
  findMaterializationByRequest,
  insertMaterialization,
  type MaterializationRow,
} from './store/runs.ts';
import { columnsOfManifest } from './training-set-job.ts';

/** Kind of the jobs that compute online values. */
export const MATERIALIZATION_JOB = 'materialization';

/** What the job is told. */
export interface MaterializationPayload {
  readonly workspace: string;
  readonly id: string;
  /** Manifests of the pinned versions, by view. */
  readonly manifests: Readonly<Record<string, Digest>>;
}

/** Pins the versions, and stores the materialization with its job. */
export async function createMaterialization(
  deps: Deps,
  request: MaterializeRequest,
): Promise<{ workspace: string; row: MaterializationRow }> {
  const { workspace } = names.workspace.parse(request.parent, 'parent');
  const { requestId } = request;
  if (requestId !== '') {
    const known = await findMaterializationByRequest(deps.database, workspace, requestId);
    if (known) return { workspace, row: known };
  }
  const featureViews = [...new Set(request.featureViews)];
  checkViewNames(featureViews, workspace);
  const pinned = await pinViews(deps, await requireViews(deps.database, featureViews, 'feature_views'));
  const id = deps.ids.next();
  const versions = Object.fromEntries(pinned.map(({ view, version }) => [view.name, version.name]));
  const manifests = Object.fromEntries(pinned.map(({ view, version }) => [view.name, version.manifest]));
  invariant(request.asOf, 'the contract requires as_of');
  const asOfMicros = microsOf(request.asOf);
  const row = await deps.database.withTransaction(async (tx) => {
    const stored = { id, requestId, featureViews, asOfMicros, versions, now: deps.clock.now() };
    if (!(await insertMaterialization(tx, workspace, stored)))
      return await findMaterializationByRequest(tx, workspace, requestId);
    const resource = names.materialization.format({ workspace, materialization: id });
    const payload: MaterializationPayload = { workspace, id, manifests };
    await enqueueJob(tx, { id, kind: MATERIALIZATION_JOB, resource, payload });
    return await findMaterialization(tx, workspace, id);
  });
  invariant(row, 'a materialization that was just stored is there');
  return { workspace, row };
}

function checkViewNames(featureViews: readonly string[], workspace: string): void {
  const violations = featureViews.flatMap((name, i) =>
    names.featureView.matches(name) && name.startsWith(`workspaces/${workspace}/`)
      ? []
      : [
          {
            field: `feature_views[${i}]`,
            reason: 'RESOURCE_NAME_INVALID',
            description: `${JSON.stringify(name.slice(0, 120))} is not of the form ${names.featureView.pattern} with the workspace "${workspace}".`,
          },
        ],
  );
  if (violations.length > 0) throw invalidArgument('RESOURCE_NAME_INVALID', violations);
}

/** Where a materialization stands: views that are done, and chunks of the one that is not. */
interface Checkpoint {
  readonly views: number;
  readonly chunks: number;
}

/** Computes the values of each view at its boundary and writes them, chunk by chunk; goes on where it was interrupted. */
export async function runMaterialization(
  deps: Deps,
  boundaries: BoundaryValues,
  ctx: JobContext<MaterializationPayload>,
): Promise<void> {
  const { workspace, id, manifests } = ctx.payload;
  const row = await findMaterialization(deps.database, workspace, id);
  invariant(row, `materialization ${id} has a row`);
  const start = await ctx.checkpoint<Checkpoint>();
  const views = await requireViews(deps.database, row.feature_views, 'feature_views');
  for (const [v, view] of views.entries()) {
    if (v < (start?.views ?? 0)) continue;
    ctx.progress({ fraction: v / views.length, message: `Computing ${view.id}` });
    const pinned = await pinAgain(deps, view, {
      name: row.versions[view.view.name]!,
      manifest: manifests[view.view.name]!,
    });
    const boundary = boundaryAtOrBefore(pinned.checked.compiled.refresh, BigInt(row.as_of_micros));
    const isLast = v === views.length - 1;
    const begin = { views: v, chunks: v === start?.views ? start.chunks : 0 };
    await writeView(deps, boundaries, ctx, { pinned, boundary, begin, finish: isLast ? row : undefined });
  }
}

async function pinAgain(deps: Deps, view: ViewWithEntity, version: PinnedView['version']): Promise<PinnedView> {
  const manifest = await loadManifest(deps.blobs, version.manifest);
  return { ...view, version, checked: await checkAgain(deps, view, columnsOfManifest(manifest)) };
}

interface ViewWork {
  readonly pinned: PinnedView;
  readonly boundary: bigint;
  readonly begin: Checkpoint;
  /** Set for the last view: the materialization is finished with it. */
  readonly finish: MaterializationRow | undefined;
}

async function writeView(
  deps: Deps,
  boundaries: BoundaryValues,
  ctx: JobContext<MaterializationPayload>,
  { pinned, boundary, begin, finish }: ViewWork,
): Promise<void> {
  const { workspace, id } = ctx.payload;
  const datasetVersion = Number(names.datasetVersion.parse(pinned.version.name).version);
  const { keys, values } = await boundaries.at(pinned, boundary, ctx.signal);
  const size = deps.config.materializationChunkRows;
  const chunks = Math.max(1, Math.ceil(keys.length / size));
  for (let chunk = begin.chunks; chunk < chunks; chunk++) {
    const rows = keys.slice(chunk * size, (chunk + 1) * size).map((key, i) => ({
      key,
      eventMicros: boundary,
      availableMicros: boundary,
      values: values[chunk * size + i]!,
    }));
    const isLast = chunk === chunks - 1;
    const next: Checkpoint = isLast ? { views: begin.views + 1, chunks: 0 } : { views: begin.views, chunks: chunk + 1 };
    await ctx.commit(async (tx) => {
      await requireUnchanged(tx, pinned);
      let written = rows.length > 0 ? await materializeOnline(tx, pinned.number, rows, datasetVersion) : 0;
      const stale = rows.length - written;
      if (isLast) {
        const emptyValues = encodeValues(Object.values(emptyFeatureValues(pinned.checked.compiled)));
        written += await emptyOnline(tx, pinned.number, { micros: boundary, datasetVersion, emptyValues });
        await advanceMaterialized(tx, pinned.number, boundary);
      }
      await addMaterializedRows(tx, workspace, id, { written, stale });
      await ctx.saveCheckpoint(next, tx);
      await announce(tx, { kind: 'values', view: pinned.number });
      tx.afterCommit(() => deps.changes.apply({ kind: 'values', view: pinned.number }));
      if (isLast && finish) await announceMaterialization(tx, ctx.resource, JobState.SUCCEEDED, finish);
    });
  }
}

/** Values are only written under the definition by which they were computed. */
async function requireUnchanged(tx: Tx, { number, view }: PinnedView): Promise<void> {
  if ((await lockView(tx, number)) === view.etag) return;
  throw new AppError('ABORTED', `The view "${view.name}" was changed while it was computed. It is computed again.`, {
    reason: 'FEATURE_VIEW_CHANGED',
    fields: { featureView: view.name },
  });
}

/** A materialization that failed or was cancelled is announced as well. */
export async function failMaterialization(tx: Tx, job: FailedJob<MaterializationPayload>): Promise<void> {
  const row = await findMaterialization(tx, job.payload.workspace, job.payload.id);
  if (row) await announceMaterialization(tx, job.resource, JobState[job.state], row);
}

async function announceMaterialization(
  tx: Tx,
  materialization: string,
  state: JobState,
  row: MaterializationRow,
): Promise<void> {
  await emitEvent(tx, {
    subject: 'millrace.featurestore.v1.materialization.finished',
    resource: materialization,
    schema: MaterializationFinishedSchema,
    message: { materialization, state, featureViews: row.feature_views, asOf: timestampOf(BigInt(row.as_of_micros)) },
  });
}
