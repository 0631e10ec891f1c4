import type { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { IngestionSpec } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { notFound } from '@millrace/kernel';
import type { ColumnType } from '@millrace/tables';
import type { IngestionDeps } from '../deps.ts';
import { DATASET_TYPES } from '../domain/columnTypes.ts';
import { findSource } from '../store/sources.ts';
import { tableRefFromJson, toDataType } from '../translate.ts';
import { resolveRange } from './cursorRange.ts';
import { planLoad } from './plan.ts';
import { readCorrections } from './replay.ts';

/**
 * Finds before anything is stored what the load would fail with: a missing source or dataset, a correction that is no row, a candidate that waits, a
 * merge without a key, a cursor that goes backwards. What only the data can tell is left to the load.
 */
export async function checkLoad(deps: IngestionDeps, spec: IngestionSpec, signal: AbortSignal): Promise<void> {
  if (!spec.replay && !(await findSource(deps.database, spec.source))) throw notFound('Source', spec.source);
  if (spec.replay) await readCorrections(spec.replay);
  const { base, cursor, positions } = await planLoad(deps.database, spec);
  if (!base || !cursor) return;
  const field = tableRefFromJson(base.tableRef).schema?.fields.find(
    ({ name }) => name.toLowerCase() === cursor.column.toLowerCase(),
  );
  if (!field) return;
  await deps.platform.tables.withConnection(
    (connection) => resolveRange(connection, cursor, columnType(field.type), positions[field.name]),
    { signal },
  );
}

function columnType(type: DataType): ColumnType {
  return DATASET_TYPES.find((name) => toDataType(name) === type) ?? 'string';
}
