import type { Queryable, Tx } from '@millrace/postgres';

/** Who put the rows aside: the load or validation. */
export type LetterStage = 'l' | 'v';

/** Dead letters of one version and stage: a Parquet file in the blob store. */
export interface LetterBatch {
  readonly dataset: string;
  readonly version: number;
  readonly stage: LetterStage;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly rows: number;
  readonly countByRule: Readonly<Record<string, number>>;
}

/** A row of a batch, from 1. */
export interface LetterKey {
  readonly version: number;
  readonly stage: LetterStage;
  readonly row: number;
}

/** A letter that a published version brought back. */
export interface ReplayedLetter extends LetterKey {
  readonly replayedVersion: number;
}

const COLUMNS = `b.dataset, b.version, b.stage, b.digest, b.size_bytes "sizeBytes", b.rows, b.count_by_rule "countByRule"`;

/** Registers a batch. */
export async function insertBatch(tx: Tx, batch: LetterBatch): Promise<void> {
  await tx.execute(
    `insert into dead_letter_batches (dataset, version, stage, digest, size_bytes, rows, count_by_rule)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [batch.dataset, batch.version, batch.stage, batch.digest, batch.sizeBytes, batch.rows, batch.countByRule],
  );
}

/** The batches of a dataset, oldest first; of one version where it is given, else without those of rejected versions if asked. */
export function listBatches(
  q: Queryable,
  filter: { readonly dataset: string; readonly version?: number | undefined; readonly isUnrejected?: boolean },
): Promise<LetterBatch[]> {
  return q.query<LetterBatch>(
    `select ${COLUMNS} from dead_letter_batches b join dataset_versions v using (dataset, version)
     where b.dataset = $1 and ($2::int is null or b.version = $2) and (not $3 or v.state <> 3)
     order by b.version, b.stage`,
    [filter.dataset, filter.version ?? null, filter.isUnrejected ?? false],
  );
}

/** Letters of a dataset that published versions brought back. */
export function listReplayed(q: Queryable, dataset: string): Promise<ReplayedLetter[]> {
  return q.query<ReplayedLetter>(
    `select r.version, r.stage, r.row, max(r.replayed_version) "replayedVersion"
     from dead_letter_replays r join dataset_versions v on v.dataset = r.dataset and v.version = r.replayed_version
     where r.dataset = $1 and v.state = 2 group by r.version, r.stage, r.row`,
    [dataset],
  );
}

/** Notes which letters a candidate brings back. */
export async function insertReplays(
  tx: Tx,
  dataset: string,
  letters: readonly LetterKey[],
  replayedVersion: number,
): Promise<void> {
  await tx.execute(
    `insert into dead_letter_replays (dataset, version, stage, row, replayed_version)
     select $1, version, stage, row, $5 from unnest($2::int[], $3::text[], $4::int8[]) as letter (version, stage, row)`,
    [
      dataset,
      letters.map(({ version }) => version),
      letters.map(({ stage }) => stage),
      letters.map(({ row }) => row),
      replayedVersion,
    ],
  );
}
