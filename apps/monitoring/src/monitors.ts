import type { JsonValue } from '@bufbuild/protobuf';
import type { Monitor as MonitorMessage } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import type { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import { cancelJobs } from '@millrace/jobs';
import { AppError, canonicalJson, invalidArgument, names, notFound, sha256 } from '@millrace/kernel';
import { decodePageToken, encodePageToken, type Queryable, type Tx } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import { applyMask } from './domain/change-monitor.ts';
import { checkMonitor } from './domain/monitor.ts';
import { type JudgeDeps, resolve } from './judge-window.ts';
import { listOpenAlerts } from './store/alerts.ts';
import {
  deleteMonitor,
  findMonitor,
  findMonitorOfRequest,
  insertMonitor,
  listMonitors,
  lockMonitor,
  type MonitorRow,
  updateMonitor,
} from './store/monitors.ts';
import { listUnfinishedRuns } from './store/runs.ts';
import { monitorOf, monitorToDocument, monitorToProto } from './translate.ts';

const PAGE_DEFAULT = 100;

type Methods = 'createMonitor' | 'getMonitor' | 'listMonitors' | 'updateMonitor' | 'deleteMonitor';

/** The handlers of monitors themselves. */
export function createMonitorHandlers({
  platform,
  database,
  gauges,
}: JudgeDeps): Pick<ServiceImpl<typeof MonitoringService>, Methods> {
  const create = async (tx: Tx, monitor: MonitorMessage, requestId: string): Promise<MonitorRow> => {
    const { workspace } = names.monitor.parse(monitor.name, 'monitor.name');
    const document = monitorToDocument(monitor);
    const row = { name: monitor.name, revision: 1, document, etag: etagOf(monitor.name, 1, document) };
    const { endpoint } = monitor;
    const isNew = await insertMonitor(tx, { ...row, workspace, endpoint, requestId, createdAt: platform.clock.now() });
    if (isNew) return row;
    const ofRequest = requestId ? await findMonitorOfRequest(tx, workspace, requestId) : undefined;
    const stored = ofRequest ?? (await requireMonitor(tx, monitor.name));
    if (ofRequest?.name === monitor.name || isSame(stored.document, document)) return stored;
    throw new AppError('ALREADY_EXISTS', `Monitor "${monitor.name}" exists already with other rules. Update it.`, {
      reason: 'MONITOR_EXISTS',
      fields: { name: monitor.name },
    });
  };

  return {
    async createMonitor({ monitor, requestId }) {
      const checked = check(monitor);
      const row = await database.withTransaction((tx) => create(tx, checked, requestId));
      return { monitor: monitorToProto(row) };
    },
    async getMonitor({ name }) {
      names.monitor.parse(name);
      return { monitor: monitorToProto(await requireMonitor(database, name)) };
    },
    async listMonitors({ parent, pageSize, pageToken }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [after = ''] = pageToken ? (decodePageToken(pageToken) as [string]) : [];
      const rows = await listMonitors(database, workspace, after, limit + 1);
      const page = rows.slice(0, limit);
      return {
        monitors: page.map(monitorToProto),
        nextPageToken: rows.length > limit ? encodePageToken([page.at(-1)?.name]) : '',
      };
    },
    async updateMonitor({ monitor: given, updateMask, allowMissing }) {
      const name = given?.name ?? '';
      names.monitor.parse(name, 'monitor.name');
      const row = await database.withTransaction(async (tx) => {
        const stored = await lockMonitor(tx, name);
        if (!stored && allowMissing && !given?.etag) return create(tx, check(given), '');
        if (!stored) throw notFound('Monitor', name);
        if (given?.etag && given.etag !== stored.etag) throw etagMismatch(stored);
        const known = monitorToProto(stored);
        const changed = check(applyMask(known, given ?? known, updateMask?.paths ?? []));
        const document = monitorToDocument(changed);
        if (isSame(stored.document, document)) return stored;
        const revision = stored.revision + 1;
        const next = { name, revision, document, etag: etagOf(name, revision, document) };
        await updateMonitor(tx, { ...next, endpoint: changed.endpoint });
        return next;
      });
      return { monitor: monitorToProto(row) };
    },
    async deleteMonitor({ name, etag }) {
      const { workspace } = names.monitor.parse(name);
      await database.withTransaction(async (tx) => {
        const stored = await lockMonitor(tx, name);
        if (!stored) throw notFound('Monitor', name);
        if (etag && etag !== stored.etag) throw etagMismatch(stored);
        for (const { id } of await listUnfinishedRuns(tx, name))
          await cancelJobs(tx, names.monitorRun.format({ workspace, monitorRun: id }));
        // Nothing would ever resolve them.
        for (const { id } of await listOpenAlerts(tx, name)) await resolve(tx, id, platform.clock.now());
        await deleteMonitor(tx, name);
        tx.afterCommit(() => gauges.forget(name));
      });
      return {};
    },
  };
}

/** The monitor of this name; throws NOT_FOUND `MONITOR_NOT_FOUND`. */
export async function requireMonitor(db: Queryable, name: string): Promise<MonitorRow> {
  const row = await findMonitor(db, name);
  if (!row) throw notFound('Monitor', name);
  return row;
}

/** Everything that is wrong with a monitor, at once. */
function check(monitor: MonitorMessage | undefined): MonitorMessage {
  const name = monitor?.name ?? '';
  const { workspace } = names.monitor.parse(name, 'monitor.name');
  const endpoint = names.endpoint.parse(monitor?.endpoint ?? '', 'monitor.endpoint');
  const violations = checkMonitor(monitorOf(monitor as MonitorMessage));
  if (endpoint.workspace !== workspace)
    violations.push({
      field: 'monitor.endpoint',
      description: `"${monitor?.endpoint}" is of another workspace than the monitor.`,
      reason: 'OTHER_WORKSPACE',
    });
  if (violations.length > 0) throw invalidArgument('MONITOR_INVALID', violations);
  return monitor as MonitorMessage;
}

function isSame(a: JsonValue, b: JsonValue): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

function etagOf(name: string, revision: number, document: JsonValue): string {
  return sha256(canonicalJson([name, revision, document])).slice('sha256:'.length, 'sha256:'.length + 16);
}

function etagMismatch({ name, etag }: MonitorRow): AppError {
  return new AppError('ABORTED', `"${name}" has changed meanwhile. Read it again and repeat.`, {
    reason: 'ETAG_MISMATCH',
    fields: { name, etag },
  });
}
