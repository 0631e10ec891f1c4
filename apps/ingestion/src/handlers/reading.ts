import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { names } from '@millrace/kernel';
import type { ServiceImpl } from '@millrace/rpc';
import { type Manifest, quoteIdentifier, requireField, toArrowIpc } from '@millrace/tables';
import type { IngestionDeps } from '../deps.ts';
import { toJsonRows } from '../domain/rowsJson.ts';
import { tablesIn } from '../domain/tablesIn.ts';
import { workspaceOf } from '../domain/versionNames.ts';
import { findDataset } from '../store/datasets.ts';
import { toSchema } from '../translate.ts';
import { manifestOf, resolveVersion } from './versions.ts';

/** Most bytes of one message of `ReadDataset`. */
const CHUNK_BYTES_MAX = 1024 * 1024;
/** Bytes below which pieces of the Arrow stream are sent together. */
const CHUNK_BYTES_MIN = 256 * 1024;
/** Characters of rows after which a message of `QueryDatasets` is sent. */
const ROWS_CHARS = 512 * 1024;
const QUERY_ROWS_DEFAULT = 10_000;

/** Reading versions: as Arrow, and through SQL. */
export function readingHandlers(
  deps: IngestionDeps,
): Pick<ServiceImpl<typeof IngestionService>, 'readDataset' | 'queryDatasets'> {
  const { database, platform, config } = deps;
  const bounds = { memoryMib: config.queryMemoryMib, timeoutMs: config.queryTimeoutMs };
  return {
    async *readDataset({ name, asOf, columns }, { signal, deadline }) {
      const manifest = await manifestOf(deps, await resolveVersion(database, name, asOf && timestampDate(asOf)));
      const chosen = columns.map((column) => requireField(manifest.schema, column).name);
      const list = chosen.length > 0 ? chosen.map(quoteIdentifier).join(', ') : '*';
      const timeoutMs = Math.max(1, deadline.getTime() - Date.now());
      const result = await platform.tables.query(`SELECT ${list} FROM rows`, {
        datasets: { rows: manifest },
        memoryMib: config.queryMemoryMib,
        timeoutMs: Math.min(timeoutMs, 2 ** 31 - 1),
        rowsMax: Number.MAX_SAFE_INTEGER,
        signal,
      });
      try {
        for await (const arrowIpc of chunks(toArrowIpc(result.schema, result.batches))) yield { arrowIpc };
      } finally {
        await result.close();
      }
    },
    async *queryDatasets({ parent, sql, datasets: named, rowsMax }, { signal }) {
      names.workspace.parse(parent, 'parent');
      const datasets = await relations(deps, parent, sql, named);
      const options = { ...bounds, datasets, rowsMax: Number(rowsMax) || QUERY_ROWS_DEFAULT, signal };
      const result = await platform.tables.query(sql, options);
      try {
        yield { schema: { fields: toSchema(result.schema) } };
        let rowsJson: string[] = [];
        let chars = 0;
        for await (const batch of result.batches) {
          for (const row of toJsonRows(result.schema, batch)) {
            rowsJson.push(row);
            chars += row.length;
            if (chars < ROWS_CHARS) continue;
            yield { rowsJson };
            rowsJson = [];
            chars = 0;
          }
        }
        yield { rowsJson, truncated: result.isTruncated() };
      } finally {
        await result.close();
      }
    },
  };
}

/** What the names in a statement stand for: those that are listed, and datasets of the workspace (`-` may be written `_`). */
async function relations(
  deps: IngestionDeps,
  parent: string,
  sql: string,
  named: Readonly<Record<string, string>>,
): Promise<Record<string, Manifest>> {
  const found: Record<string, Manifest> = {};
  for (const [table, name] of Object.entries(named))
    found[table] = await manifestOf(deps, await resolveVersion(deps.database, name, undefined, `datasets[${table}]`));
  const listed = new Set(Object.keys(named).map((table) => table.toLowerCase()));
  for (const table of tablesIn(await deps.platform.tables.serializeSql(sql))) {
    if (listed.has(table.toLowerCase())) continue;
    for (const id of new Set([table, table.toLowerCase().replaceAll('_', '-')])) {
      const name = `${parent}/datasets/${id}`;
      if (found[table] || !names.dataset.matches(name) || workspaceOf(name) !== parent) continue;
      if (await findDataset(deps.database, name))
        found[table] = await manifestOf(deps, await resolveVersion(deps.database, name));
    }
  }
  return found;
}

/** The same bytes in messages of a handy size. */
async function* chunks(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += CHUNK_BYTES_MAX - CHUNK_BYTES_MIN) {
      const part = piece.subarray(at, at + CHUNK_BYTES_MAX - CHUNK_BYTES_MIN);
      waiting.push(part);
      size += part.length;
      if (size < CHUNK_BYTES_MIN) continue;
      yield Buffer.concat(waiting);
      waiting = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(waiting);
}
