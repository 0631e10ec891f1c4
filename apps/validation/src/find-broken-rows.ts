import { Action } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type { TableConnection } from '@millrace/tables';
import { quoteIdentifier, quoteLiteral } from '@millrace/tables';
import type { AggregateRule, DuplicateRule, RowFindingRule, RowRule } from './domain/rules.ts';
import { actionOf } from './domain/rules.ts';

/** Rules in one mask column; DuckDB's BIGINT has 63 bits without the sign. */
const MASK_BITS = 62;

/** What the rows were found to be. */
export interface Findings {
  /** Rows looked at. */
  readonly rows: number;
  /** By rule: rows looked at and rows that broke it. */
  readonly counts: readonly { readonly elements: number; readonly unexpected: number; readonly quarantined: number }[];
  /** Rows that broke any rule. */
  readonly brokenRows: number;
  /** Rows to be put aside. */
  readonly quarantinedRows: number;
  /** Values of the aggregates, by rule. */
  readonly aggregates: readonly (readonly (number | null)[])[];
}

/**
 * Judges the rows of the view `added` in one scan for the row rules, one for the aggregates, and one for each uniqueness
 * rule, and leaves the temporary table `flags (row, mask_0, …, quarantine)` with every broken row: what is put aside is
 * decided here once. Row numbers count from 1 in file order. The view `parent` holds the rows of the version before.
 */
export async function findBrokenRows(
  connection: TableConnection,
  rules: readonly RowFindingRule[],
  aggregates: readonly AggregateRule[],
): Promise<Findings> {
  await connection.run('CREATE TEMP VIEW numbered AS SELECT *, row_number() OVER () AS "__row" FROM added');
  const masks = Math.max(1, Math.ceil(rules.length / MASK_BITS));
  const rowRules = rules
    .map((rule, i) => ({ rule, i }))
    .filter((r): r is { rule: RowRule; i: number } => r.rule.kind === 'row');
  await connection.run(`CREATE TEMP TABLE flags AS ${rowFlagsSql(rowRules, masks)}`);
  for (const [i, rule] of rules.entries())
    if (rule.kind === 'duplicate') await addDuplicates(connection, rule, i, masks);
  const measured = await measure(connection, rules, aggregates);
  const found = await countFlags(connection, rules);
  return {
    rows: measured.rows,
    counts: rules.map((rule, i) => ({
      elements: rule.kind === 'row' ? (measured.elements[i] ?? 0) : measured.rows,
      ...(found.counts[i] as { unexpected: number; quarantined: number }),
    })),
    brokenRows: found.broken,
    quarantinedRows: found.quarantined,
    aggregates: measured.aggregates,
  };
}

/** SQL of the list of rule ids that a row of `flags` broke. */
export function rulesSql(rules: readonly RowFindingRule[]): string {
  const entries = rules.map((rule, i) => `CASE WHEN ${hasBit(i)} THEN ${quoteLiteral(rule.expectation.id)} END`);
  return `list_filter([${entries.join(', ')}]::VARCHAR[], lambda id: id IS NOT NULL)`;
}

function rowFlagsSql(rules: readonly { rule: RowRule; i: number }[], masks: number): string {
  const bits = Array.from({ length: masks }, (_, m) => {
    const own = rules.filter(({ i }) => Math.floor(i / MASK_BITS) === m);
    const terms = own.map(({ rule, i }) => `CASE WHEN ${rule.brokenSql} THEN ${bit(i)} ELSE 0 END`);
    return `(${['0::BIGINT', ...terms].join(' + ')}) AS mask_${m}`;
  });
  const flagged = `SELECT "__row" AS row, ${bits.join(', ')} FROM numbered`;
  const any = bits.map((_, m) => `mask_${m} <> 0`).join(' OR ');
  const quarantining = rules
    .filter(({ rule }) => actionOf(rule.expectation) === Action.QUARANTINE)
    .map(({ i }) => hasBit(i));
  return `SELECT *, ${quarantining.length > 0 ? quarantining.join(' OR ') : 'false'} AS quarantine FROM (${flagged}) WHERE ${any}`;
}

/**
 * Flags every row of a group of equal rows, within the added rows and against those of the version before. Rows whose
 * columns are all missing are left out.
 */
async function addDuplicates(
  connection: TableConnection,
  rule: DuplicateRule,
  i: number,
  masks: number,
): Promise<void> {
  const columns = rule.columns.map(quoteIdentifier);
  const list = columns.join(', ');
  const some = columns.map((column) => `${column} IS NOT NULL`).join(' OR ');
  const equal = (a: string, b: string) => columns.map((c) => `${a}.${c} IS NOT DISTINCT FROM ${b}.${c}`).join(' AND ');
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE duplicated AS
     SELECT ${list}, bool_or(known) AS known FROM (
       SELECT ${list}, false AS known FROM added WHERE ${some} GROUP BY ${list} HAVING count(*) > 1
       UNION ALL
       SELECT DISTINCT ${columns.map((c) => `a.${c}`).join(', ')}, true FROM added a WHERE EXISTS (SELECT 1 FROM parent p WHERE ${equal('p', 'a')}) AND (${columns.map((c) => `a.${c} IS NOT NULL`).join(' OR ')})
     ) GROUP BY ${list}`,
  );
  const mask = Math.floor(i / MASK_BITS);
  const isQuarantined =
    actionOf(rule.expectation) !== Action.QUARANTINE ? 'false' : rule.keepFirst ? 'known OR place > 1' : 'true';
  const values = Array.from({ length: masks }, (_, m) => (m === mask ? `${bit(i)}::BIGINT` : '0::BIGINT'));
  await connection.run(
    `INSERT INTO flags SELECT "__row", ${values.join(', ')}, ${isQuarantined} FROM (
       SELECT n."__row", d.known, row_number() OVER (PARTITION BY ${columns.map((c) => `n.${c}`).join(', ')} ORDER BY n."__row") AS place
       FROM numbered n JOIN duplicated d ON ${equal('n', 'd')})`,
  );
  const merged = Array.from({ length: masks }, (_, m) => `bit_or(mask_${m}) AS mask_${m}`);
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE flags AS SELECT row, ${merged.join(', ')}, bool_or(quarantine) AS quarantine FROM flags GROUP BY row`,
  );
}

async function measure(
  connection: TableConnection,
  rules: readonly RowFindingRule[],
  aggregates: readonly AggregateRule[],
) {
  const columns = ['count(*)::DOUBLE AS n'];
  for (const [i, rule] of rules.entries())
    if (rule.kind === 'row' && rule.elementSql !== 'true')
      columns.push(`count(*) FILTER (WHERE ${rule.elementSql})::DOUBLE AS e${i}`);
  for (const [i, rule] of aggregates.entries())
    for (const [j, sql] of rule.valuesSql.entries()) columns.push(`(${sql})::DOUBLE AS a${i}_${j}`);
  const [row = {}] = await connection.rows<Record<string, number | null>>(`SELECT ${columns.join(', ')} FROM added`);
  const rows = row.n ?? 0;
  return {
    rows,
    elements: rules.map((rule, i) => (rule.kind === 'row' && rule.elementSql !== 'true' ? (row[`e${i}`] ?? 0) : rows)),
    aggregates: aggregates.map((rule, i) => rule.valuesSql.map((_, j) => row[`a${i}_${j}`] ?? null)),
  };
}

async function countFlags(connection: TableConnection, rules: readonly RowFindingRule[]) {
  const columns = ['count(*)::DOUBLE AS n', 'count(*) FILTER (WHERE quarantine)::DOUBLE AS q'];
  for (const [i] of rules.entries()) {
    columns.push(`count(*) FILTER (WHERE ${hasBit(i)})::DOUBLE AS u${i}`);
    columns.push(`count(*) FILTER (WHERE quarantine AND ${hasBit(i)})::DOUBLE AS q${i}`);
  }
  const [row = {}] = await connection.rows<Record<string, number>>(`SELECT ${columns.join(', ')} FROM flags`);
  return {
    broken: row.n ?? 0,
    quarantined: row.q ?? 0,
    counts: rules.map((_, i) => ({ unexpected: row[`u${i}`] ?? 0, quarantined: row[`q${i}`] ?? 0 })),
  };
}

const bit = (i: number) => (1n << BigInt(i % MASK_BITS)).toString();
const hasBit = (i: number) => `(mask_${Math.floor(i / MASK_BITS)} & ${bit(i)}) <> 0`;
