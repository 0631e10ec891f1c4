import type { Field } from '@millrace/contracts/millrace/common/v1/table';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { invalidArgument } from '@millrace/kernel';
import { nameOf, versionedName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action, Input } from '../tree/spec.ts';

const NUMBERS = new Set([DataType.INT32, DataType.INT64, DataType.FLOAT32, DataType.FLOAT64]);

/** Rows shown in a table where no limit is given. */
const TABLE_ROWS = 100;

/** `datasets query SQL`: a table, CSV, or one JSON object a row. */
export const queryDatasets: Action = async (session, input) => {
  const sql = input.argument(0) === '-' ? await session.io.readStdin() : input.argument(0);
  const format = session.isJson ? 'ndjson' : (input.text('format') ?? 'table');
  const rowsMax = input.integer('limit', { default: format === 'table' ? TABLE_ROWS : 10_000, min: 1, max: 1_000_000 });
  const { ingestion } = await session.client();
  let fields: readonly Field[] = [];
  const rows: string[][] = [];
  let isTruncated = false;
  const request = { parent: session.workspace, sql, datasets: tables(session, input), rowsMax: BigInt(rowsMax) };
  for await (const part of ingestion.queryDatasets(request, { signal: session.signal })) {
    if (part.schema) {
      fields = part.schema.fields;
      if (format === 'csv') session.print(fields.map((f) => csvCell(f.name)).join(','));
    }
    isTruncated ||= part.truncated;
    for (const line of part.rowsJson) {
      const values = JSON.parse(line) as unknown[];
      if (format === 'ndjson') session.printJson(Object.fromEntries(fields.map((f, i) => [f.name, values[i]])));
      else if (format === 'csv') session.print(values.map((v) => csvCell(v === null ? '' : cellText(v))).join(','));
      else rows.push(values.map((v) => (v === null ? session.style.dim('null') : cellText(v))));
    }
  }
  if (format === 'table') {
    await session.printTable(
      rows,
      fields.map((field, i) => ({
        title: field.name,
        value: (row: string[]) => row[i] as string,
        align: NUMBERS.has(field.type) ? ('right' as const) : ('left' as const),
        priority: i,
        widthMin: 8,
      })),
      'No rows.',
    );
  }
  if (isTruncated) session.note(`The first ${rowsMax} rows; more with --limit.`);
  return 0;
};

/** `--dataset flights=3` and `--dataset old=flights@1` as table name → name of a dataset or version. */
function tables(session: Session, input: Input): Record<string, string> {
  return Object.fromEntries(
    input.pairs('dataset').map(([table, value]) => {
      if (!/^[a-zA-Z_][\w-]*$/.test(table))
        throw invalidArgument('OPTION_INVALID', [
          { field: '--dataset', description: `"${table}" is not a table name.` },
        ]);
      return [
        table,
        /^v?\d+$/.test(value)
          ? `${nameOf(session, 'dataset', table)}/versions/${value.replace('v', '')}`
          : versionedName(session, 'dataset', value),
      ];
    }),
  );
}

function cellText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** RFC 4180. */
function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
