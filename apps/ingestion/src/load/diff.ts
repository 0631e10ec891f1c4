import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DiffDatasetVersionsResponseSchema } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { DataFile, Manifest, TableSchema } from '@millrace/tables';
import { diffManifests, fieldNamed, quoteIdentifier } from '@millrace/tables';
import type { IngestionDeps } from '../deps.ts';
import { toTableRef } from '../translate.ts';

/**
 * What changed from one version to another. Rows are compared by primary key, within the files that differ, where both
 * versions have one; else rows of a file that only one version has count as its own.
 */
export async function diffVersions(
  deps: IngestionDeps,
  base: Manifest,
  target: Manifest,
  primaryKey: readonly string[],
  signal: AbortSignal,
): Promise<MessageInitShape<typeof DiffDatasetVersionsResponseSchema>> {
  const diff = diffManifests(base, target);
  const isKeyed =
    primaryKey.length > 0 && primaryKey.every((key) => fieldNamed(base.schema, key) && fieldNamed(target.schema, key));
  const rows = isKeyed
    ? await diffKeys(deps, { base, target, removed: diff.removed, added: diff.added, primaryKey, signal })
    : { added: diff.rowsAdded, removed: diff.rowsRemoved };
  return {
    addedRows: BigInt(rows.added),
    removedRows: BigInt(rows.removed),
    addedFiles: diff.added.map(({ digest }) => digest),
    removedFiles: diff.removed.map(({ digest }) => digest),
    addedColumns: fields(
      target,
      diff.schema.filter(({ kind }) => kind === 'added'),
    ),
    removedColumns: fields(
      base,
      diff.schema.filter(({ kind }) => kind === 'removed'),
    ),
    changedColumns: changedColumns(base.schema, target.schema),
  };
}

interface KeyDiff {
  readonly base: Manifest;
  readonly target: Manifest;
  readonly removed: readonly DataFile[];
  readonly added: readonly DataFile[];
  readonly primaryKey: readonly string[];
  readonly signal: AbortSignal;
}

async function diffKeys(deps: IngestionDeps, diff: KeyDiff): Promise<{ added: number; removed: number }> {
  const { tables } = deps.platform;
  const keys = diff.primaryKey.map(quoteIdentifier).join(', ');
  const before = await tables.relationSql({ ...diff.base, files: diff.removed });
  const after = await tables.relationSql({ ...diff.target, files: diff.added });
  const missing = (rows: string, from: string) =>
    `SELECT count(*) AS n FROM (SELECT ${keys} FROM (${rows})) ANTI JOIN (SELECT ${keys} FROM (${from})) USING (${keys})`;
  return tables.withConnection(
    async (connection) => {
      const [added] = await connection.rows<{ n: number }>(missing(after, before));
      const [removed] = await connection.rows<{ n: number }>(missing(before, after));
      return { added: added!.n, removed: removed!.n };
    },
    { signal: diff.signal },
  );
}

function fields(manifest: Manifest, changes: readonly { readonly id: number }[]) {
  const ids = new Set(changes.map(({ id }) => id));
  const all = toTableRef(manifest, { digest: '', sizeBytes: 0 }).schema?.fields ?? [];
  return all.filter(({ id }) => ids.has(id ?? 0));
}

function changedColumns(base: TableSchema, target: TableSchema): string[] {
  return target.fields.flatMap((field) => {
    const before = base.fields.find(({ id }) => id === field.id);
    if (!before || (before.name === field.name && before.type === field.type)) return [];
    return [`${before.name} ${before.type} → ${field.name} ${field.type}`];
  });
}
