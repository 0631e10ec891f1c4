import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { BlobRef } from '@millrace/contracts/millrace/common/v1/table';
import { BlobRefSchema } from '@millrace/contracts/millrace/common/v1/table';
import type { Digest } from '@millrace/kernel';
import type { Platform } from '@millrace/process';
import type { TableProfile } from '@millrace/profiles';
import { mergeProfiles, profileSql } from '@millrace/profiles';
import type { Manifest, TableConnection } from '@millrace/tables';
import { quoteIdentifier, quoteLiteral, rewriteManifest } from '@millrace/tables';
import type { CompiledRule, RowFindingRule } from './domain/rules.ts';
import { findsRows } from './domain/rules.ts';
import { profileColumns } from './domain/types.ts';
import type { Findings } from './find-broken-rows.ts';
import { findBrokenRows, rulesSql } from './find-broken-rows.ts';

/** What is judged: a version's manifest, and which of its files it added. */
export interface Candidate {
  readonly name: string;
  readonly manifest: Manifest;
  readonly addedFiles: ReadonlySet<string>;
  /** Profile of the version before, where its rows are part of this version unchanged. */
  readonly parentProfile: TableProfile | undefined;
}

/** What judging the rows has given. */
export interface JudgedRows {
  readonly findings: Findings;
  /** Up to 5 broken values by rule id. */
  readonly samples: ReadonlyMap<string, readonly string[]>;
  /** Every broken row. */
  readonly brokenRows: BlobRef | undefined;
  /** The rows to be put aside, as dead letters. */
  readonly deadLetters: BlobRef | undefined;
  /** The version without the rows that are put aside; the candidate itself where there are none. */
  readonly published: Manifest;
  /** Profile of the added rows that are published. */
  readonly addedProfile: TableProfile;
  /** Profile of the whole version as published. */
  readonly profile: TableProfile;
}

/** Tells how far judging has come. */
export type OnPhase = (fraction: number, message: string) => void;

const SAMPLES_MAX = 5;
const PARQUET = 'application/vnd.apache.parquet';

/** Judges the rows that a version added: finds the broken ones, puts them into files, profiles the others. */
export async function judgeRows(
  platform: Platform,
  directory: string,
  candidate: Candidate,
  rules: readonly CompiledRule[],
  signal: AbortSignal,
  onPhase: OnPhase,
): Promise<JudgedRows> {
  const { manifest, addedFiles } = candidate;
  const part = (isAdded: boolean): Manifest => {
    const files = manifest.files.filter((file) => addedFiles.has(file.digest) === isAdded);
    return { ...manifest, files, rows: files.reduce((sum, file) => sum + file.rows, 0) };
  };
  return platform.tables.withConnection(
    async (connection) => {
      onPhase(0.05, 'checking rows');
      const rowRules = rules.filter(findsRows);
      const aggregates = rules.filter((rule) => rule.kind === 'aggregate');
      const findings = await findBrokenRows(connection, rowRules, aggregates);
      onPhase(0.4, 'writing broken rows');
      const files = await writeBrokenRows(platform, connection, directory, candidate, rowRules, findings);
      const samples = await sampleBroken(connection, rowRules, findings);
      onPhase(0.55, 'writing published rows');
      const published = await withoutQuarantined(platform, connection, candidate, findings);
      onPhase(0.65, 'profiling');
      const addedProfile = await profileAdded(connection, manifest, findings);
      const profile = candidate.parentProfile ? mergeProfiles(candidate.parentProfile, addedProfile) : addedProfile;
      return { findings, samples, ...files, published, addedProfile, profile };
    },
    { inputs: { added: part(true), parent: part(false) }, signal },
  );
}

/** Profiles the added rows that are published; where everything is known of the rest, only these are read. */
async function profileAdded(
  connection: TableConnection,
  manifest: Manifest,
  findings: Findings,
): Promise<TableProfile> {
  const from = findings.quarantinedRows === 0 ? 'added' : `(${publishedRowsSql(manifest)})`;
  const query = profileSql(profileColumns(manifest.schema), { from });
  const [row] = await connection.rows<{ profile: string }>(query.sql);
  return query.decode(row?.profile ?? '');
}

function publishedRowsSql(manifest: Manifest): string {
  const columns = manifest.schema.fields.map((field) => `n.${quoteIdentifier(field.name)}`).join(', ');
  return `SELECT ${columns} FROM numbered n ANTI JOIN (SELECT row FROM flags WHERE quarantine) f ON f.row = n."__row"`;
}

async function withoutQuarantined(
  platform: Platform,
  connection: TableConnection,
  { manifest, addedFiles }: Candidate,
  findings: Findings,
): Promise<Manifest> {
  if (findings.quarantinedRows === 0) return manifest;
  const sql = `${publishedRowsSql(manifest)} ORDER BY n."__row"`;
  const { files } = await platform.tables.writeParquet({ sql, schema: manifest.schema, connection });
  const removed = manifest.files.filter((file) => addedFiles.has(file.digest)).map((file) => file.digest);
  return rewriteManifest(manifest, 'delete', {
    files,
    removed,
    ...(manifest.cursor !== undefined && { cursor: manifest.cursor }),
  });
}

/** Rows up to which files of broken rows are in file order; sorting more would cost more than it helps. */
const ORDERED_ROWS_MAX = 200_000;

/**
 * The broken rows with their rules as one file, and those that are put aside as dead letters in another. Leaves the view
 * `broken` over the first.
 */
async function writeBrokenRows(
  platform: Platform,
  connection: TableConnection,
  directory: string,
  candidate: Candidate,
  rules: readonly RowFindingRule[],
  findings: Findings,
): Promise<{ brokenRows: BlobRef | undefined; deadLetters: BlobRef | undefined }> {
  if (findings.brokenRows === 0) return { brokenRows: undefined, deadLetters: undefined };
  const names = candidate.manifest.schema.fields.map((field) => field.name);
  const own = names.map((name) => `n.${quoteIdentifier(name)}`).join(', ');
  const found = `SELECT ${own}, ${rulesSql(rules)} AS rules, f.quarantine AS "__quarantine", n."__row" FROM numbered n JOIN flags f ON f.row = n."__row"`;
  const write = (name: string, sql: string, rows: number) =>
    writeFile(platform, connection, join(directory, name), rows <= ORDERED_ROWS_MAX ? `${sql} ORDER BY "__row"` : sql);
  const brokenRows = await write('broken', `SELECT * EXCLUDE ("__quarantine") FROM (${found})`, findings.brokenRows);
  const path = await platform.blobs.localPath(brokenRows.digest as Digest);
  await connection.run(`CREATE TEMP VIEW broken AS SELECT * FROM read_parquet(${quoteLiteral(path)})`);
  if (findings.quarantinedRows === 0) return { brokenRows, deadLetters: undefined };
  const rowJson = `to_json({${names.map((name) => `${quoteLiteral(name)}: ${quoteIdentifier(name)}`).join(', ')}})::VARCHAR`;
  const origin = `${quoteLiteral(`${candidate.name} row `)} || "__row"`;
  const letters = `SELECT rules, 'breaks ' || array_to_string(rules, ', ') AS error, ${rowJson} AS row_json, ${origin} AS origin
    FROM (${found}) WHERE "__quarantine"`;
  return { brokenRows, deadLetters: await write('dead-letters', letters, findings.quarantinedRows) };
}

async function writeFile(
  platform: Platform,
  connection: TableConnection,
  prefix: string,
  sql: string,
): Promise<BlobRef> {
  const path = `${prefix}-${platform.ids.next()}.parquet`;
  await connection.run(`COPY (${sql}) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`);
  const { digest, sizeBytes } = await platform.blobs.putFile(path, { move: true });
  return create(BlobRefSchema, { digest, sizeBytes: BigInt(sizeBytes), mediaType: PARQUET });
}

/** A few broken values of each broken rule: of its own columns where it names some, else whole rows. */
async function sampleBroken(connection: TableConnection, rules: readonly RowFindingRule[], findings: Findings) {
  const samples = new Map<string, readonly string[]>();
  for (const [i, rule] of rules.entries()) {
    if ((findings.counts[i]?.unexpected ?? 0) === 0) continue;
    const { id } = rule.expectation;
    const value = sampleSql(rule);
    const rows = await connection.rows<{ value: string | null }>(
      `SELECT (${value})::VARCHAR AS value FROM broken WHERE list_contains(rules, ${quoteLiteral(id)}) LIMIT ${SAMPLES_MAX}`,
    );
    samples.set(
      id,
      rows.map((row) => row.value ?? 'null'),
    );
  }
  return samples;
}

function sampleSql({ expectation: { rule } }: RowFindingRule): string {
  const value = rule.value as { column?: string; columns?: string[]; columnA?: string; columnB?: string } | undefined;
  const columns = value?.columns ?? [value?.columnA, value?.columnB, value?.column].filter((c) => c !== undefined);
  if (columns.length === 1) return quoteIdentifier(columns[0] as string);
  if (columns.length === 0) return `'row ' || "__row"`;
  return `to_json([${columns.map((c) => `${quoteIdentifier(c)}::VARCHAR`).join(', ')}])`;
}
