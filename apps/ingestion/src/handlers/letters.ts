import { DeadLetterState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { names, notFound } from '@millrace/kernel';
import { decodePageToken, encodePageToken } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import { quoteLiteral } from '@millrace/tables';
import type { IngestionDeps } from '../deps.ts';
import { letterId, parseLetterId } from '../domain/letterIds.ts';
import { parseVersionName, versionName } from '../domain/versionNames.ts';
import { lettersSql, readLetters, type StoredLetter } from '../load/letterFiles.ts';
import { findDataset } from '../store/datasets.ts';
import { listBatches, listReplayed } from '../store/deadLetters.ts';
import { toCounts } from '../translate.ts';
import { pageSize } from './resources.ts';

/** Dead letters; their replay is a load (see `runs.ts`). */
export function letterHandlers(deps: IngestionDeps): Pick<ServiceImpl<typeof IngestionService>, 'listDeadLetters'> {
  const { database, platform } = deps;
  return {
    async listDeadLetters({ parent, pageSize: asked, pageToken, datasetVersion, rule, state }, { signal }) {
      names.dataset.parse(parent, 'parent');
      if (!(await findDataset(database, parent))) throw notFound('Dataset', parent);
      const version = datasetVersion === '' ? undefined : parseVersionName(datasetVersion, 'dataset_version').version;
      const batches = await listBatches(database, { dataset: parent, version });
      if (batches.length === 0) return { deadLetters: [], totalSize: 0n };
      const replayed = await listReplayed(database, parent);
      const isReplayed = state === DeadLetterState.UNSPECIFIED ? undefined : state === DeadLetterState.REPLAYED;
      const size = pageSize(asked);
      return platform.tables.withConnection(
        async (connection) => {
          const sql = await lettersSql(connection, platform.blobs, batches, replayed, { rule, isReplayed });
          const [total] = await connection.rows<{ n: number }>(`SELECT count(*) AS n FROM (${sql})`);
          const counts = await connection.rows<{ rule: string; n: number }>(
            `SELECT rule, count(*) AS n FROM (SELECT unnest(rules) AS rule FROM (${sql})) GROUP BY rule ORDER BY rule`,
          );
          const after = pageToken === '' ? '' : ` WHERE ${afterLetter(pageToken)}`;
          const pageSql = `SELECT * FROM (${sql})${after} ORDER BY version, stage, "row" LIMIT ${size + 1}`;
          const letters = await readLetters(connection, pageSql);
          const shown = letters.slice(0, size);
          const last = shown.at(-1);
          return {
            deadLetters: shown.map((letter) => toDeadLetter(parent, letter)),
            nextPageToken: letters.length > size && last ? encodePageToken([letterId(last)]) : '',
            totalSize: BigInt(total!.n),
            countByRule: toCounts(Object.fromEntries(counts.map(({ rule: name, n }) => [name, n]))),
          };
        },
        { signal },
      );
    },
  };
}

function afterLetter(pageToken: string): string {
  const { version, stage, row } = parseLetterId(String(decodePageToken(pageToken)[0]), 'page_token');
  return `(version, stage, "row") > (${version}, ${quoteLiteral(stage)}, ${row})`;
}

function toDeadLetter(dataset: string, letter: StoredLetter) {
  const { replayedVersion } = letter;
  return {
    id: letterId(letter),
    datasetVersion: versionName(dataset, letter.version),
    rules: [...letter.rules],
    error: letter.error,
    rowJson: letter.rowJson,
    origin: letter.origin,
    state: replayedVersion === null ? DeadLetterState.OPEN : DeadLetterState.REPLAYED,
    replayedVersion: replayedVersion === null ? '' : versionName(dataset, replayedVersion),
  };
}
