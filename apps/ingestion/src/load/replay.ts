import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Replay } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { AppError, invalidArgument } from '@millrace/kernel';
import type { Manifest, TableConnection } from '@millrace/tables';
import { expandSourcePaths, fieldNamed, inspectSource, stageSource } from '@millrace/tables';
import type { IngestionDeps } from '../deps.ts';
import { datasetColumns } from '../domain/columnTypes.ts';
import { letterId, parseLetterId } from '../domain/letterIds.ts';
import { parseVersionName } from '../domain/versionNames.ts';
import type { DatasetRow } from '../store/datasets.ts';
import { type LetterKey, listBatches, listReplayed } from '../store/deadLetters.ts';
import { lettersSql, readLetters, type StoredLetter } from './letterFiles.ts';
import type { OpenSource } from './readers.ts';
import { letterSql } from './rejects.ts';

/** A member of each replayed row that says which letter it is; taken out again before anything is stored. */
const ID_MEMBER = '_millrace_dead_letter';
/** Longest line of a corrections file, in characters. */
const LINE_LENGTH_MAX = 2_000_000;

/** Dead letters as a source. */
export interface ReplayReader extends OpenSource {
  /** The letters that are loaded again. */
  readonly letters: readonly LetterKey[];
}

/**
 * Opens the dead letters that a replay names, each in its corrected form where there is one. Letters of rejected versions are
 * left to the load that reads the source again, unless their version is named. Lines that could not be parsed stay as they are unless corrected.
 * Errors: NOT_FOUND `DEAD_LETTER_NOT_FOUND`, INVALID_ARGUMENT `CORRECTION_INVALID`, `DEAD_LETTER_ID_INVALID`, FAILED_PRECONDITION `NOTHING_TO_REPLAY`.
 */
export async function openReplay(
  connection: TableConnection,
  deps: IngestionDeps,
  dataset: DatasetRow,
  replay: Replay,
  base: Manifest | undefined,
  scratchDirectory: () => Promise<string>,
): Promise<ReplayReader> {
  const corrections = await readCorrections(replay);
  const open = await openLetters(connection, deps, dataset.name, replay);
  checkFound(open, corrections);
  const chosen = open.flatMap((letter) => {
    const corrected = corrections.get(letterId(letter));
    if (corrected === undefined && (replay.correctedOnly || isRaw(letter.rowJson))) return [];
    return [{ key: letter, line: withId(corrected ?? letter.rowJson, letterId(letter)) }];
  });
  if (chosen.length === 0) throw nothingToReplay(dataset.name);
  const path = join(await scratchDirectory(), 'replay.ndjson');
  await pipeline(Readable.from(chosen.map(({ line }) => `${line}\n`)), createWriteStream(path));
  const source = { format: 'ndjson', paths: [path] } as const;
  const found = datasetColumns(await inspectSource(connection, { ...source, options: { sampleRows: -1 } }));
  return {
    // A known column is read in its own type, whatever a few broken rows look like: each row is tried.
    columns: found
      .filter(({ name }) => name !== ID_MEMBER)
      .map((column) => ({ ...column, type: (base && fieldNamed(base.schema, column.name)?.type) ?? column.type })),
    isText: true,
    letters: chosen.map(({ key: { version, stage, row } }) => ({ version, stage, row })),
    async stage(own, wanted) {
      const staged = await stageSource(own, { ...source, columns: wanted });
      if (staged.rejected === 0) return { rowsSql: staged.rowsSql, rejectsSql: undefined, totalRows: chosen.length };
      const rejectsSql = `SELECT rule, error, CAST(json_merge_patch(row_json, '{"${ID_MEMBER}":null}') AS VARCHAR) AS row_json,
        'dead letter ' || coalesce(json_extract_string(row_json, '$.${ID_MEMBER}'), '') AS origin FROM (${letterSql(staged.rejectsSql)})`;
      return { rowsSql: staged.rowsSql, rejectsSql, totalRows: chosen.length };
    },
    close: () => Promise.resolve(),
  };
}

async function openLetters(
  connection: TableConnection,
  deps: IngestionDeps,
  dataset: string,
  replay: Replay,
): Promise<StoredLetter[]> {
  const version = replay.datasetVersion === '' ? undefined : parseVersionName(replay.datasetVersion).version;
  const batches = await listBatches(deps.database, { dataset, version, isUnrejected: version === undefined });
  if (batches.length === 0) return [];
  const replayed = await listReplayed(deps.database, dataset);
  const filter = { rule: replay.rule, isReplayed: false };
  return readLetters(connection, await lettersSql(connection, deps.platform.blobs, batches, replayed, filter));
}

/** Corrected rows by letter id, as JSON objects in one line; see {@link openReplay} for the errors. */
export async function readCorrections(replay: Replay): Promise<Map<string, string>> {
  const corrections = new Map<string, string>();
  for (const [i, { id, rowJson }] of replay.corrections.entries()) {
    const field = `replay.corrections[${i}]`;
    parseLetterId(id, `${field}.id`);
    corrections.set(id, oneLine(rowJson, `${field}.row_json`));
  }
  if (replay.correctionsPath === '') return corrections;
  const [path] = await expandSourcePaths([replay.correctionsPath]);
  const lines = createInterface({ input: createReadStream(path!), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const field = `replay.corrections_path:${number}`;
    const { id, row } = parseCorrection(line, field);
    parseLetterId(id, field);
    corrections.set(id, oneLine(JSON.stringify(row), field));
  }
  return corrections;
}

function parseCorrection(line: string, field: string): { id: string; row: unknown } {
  try {
    const value: unknown = line.length > LINE_LENGTH_MAX ? undefined : JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'id' in value && 'row' in value)
      return { id: String(value.id), row: value.row };
  } catch {
    // falls through to the refusal
  }
  throw correctionInvalid(
    field,
    `is not of the form {"id": "l12-5", "row": {…}}, or longer than ${LINE_LENGTH_MAX} characters.`,
  );
}

function oneLine(rowJson: string, field: string): string {
  try {
    const value: unknown = JSON.parse(rowJson);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return rowJson.replace(/\r?\n/g, ' ');
  } catch {
    // falls through to the refusal
  }
  throw correctionInvalid(
    field,
    `${JSON.stringify(rowJson.slice(0, 80))} is not a JSON object. Give the whole corrected row.`,
  );
}

function correctionInvalid(field: string, description: string): AppError {
  return invalidArgument('CORRECTION_INVALID', [{ field, reason: 'CORRECTION_INVALID', description }]);
}

function checkFound(open: readonly StoredLetter[], corrections: ReadonlyMap<string, string>): void {
  const known = new Set(open.map(letterId));
  const missing = [...corrections.keys()].filter((id) => !known.has(id));
  if (missing.length === 0) return;
  throw new AppError(
    'NOT_FOUND',
    `${missing.length} corrections name dead letters that are not open or not among those chosen, for example ${missing[0]}. Take ids from ListDeadLetters.`,
    { reason: 'DEAD_LETTER_NOT_FOUND', fields: { id: missing[0]!, missing: `${missing.length}` } },
  );
}

function nothingToReplay(dataset: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `No open dead letter of ${dataset} fits what was asked for. Lines that could not be parsed need a correction.`,
    { reason: 'NOTHING_TO_REPLAY', fields: { dataset } },
  );
}

/** Whether the letter is a line that was no row. */
function isRaw(rowJson: string): boolean {
  return rowJson.startsWith('{"raw":') && Object.keys(JSON.parse(rowJson) as object).join() === 'raw';
}

/** The row with the letter's id as its first member; the other members keep their text, so no number is rounded. */
function withId(rowJson: string, id: string): string {
  const rest = rowJson.trim().slice(1);
  return `{"${ID_MEMBER}":"${id}"${rest.trim() === '}' ? '' : ','}${rest}`;
}
