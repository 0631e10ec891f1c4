import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { ColumnSummary, Profile } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { invalidArgument } from '@millrace/kernel';
import { plainJson } from '../plain-json.ts';
import { count, moment, short } from '../render/format.ts';
import type { ColumnView } from '../render/profile.ts';
import { profileLines } from '../render/profile.ts';
import { shortName, versionedName } from '../resource.ts';
import type { Action } from '../tree/spec.ts';

/** `datasets profile DATASET[@VERSION]`. */
export const profileDataset: Action = async (session, input) => {
  const { validation } = await session.client();
  const response = await validation.getProfile({
    datasetVersion: versionedName(session, 'dataset', input.argument(0)),
  });
  const profile = response.profile as Profile;
  if (session.isJson) {
    session.printJson(plainJson(profile));
    return 0;
  }
  const wanted = input.list('column');
  for (const column of wanted)
    if (!profile.columns.some((c) => c.column === column))
      throw invalidArgument('COLUMN_NOT_FOUND', [
        {
          field: '--column',
          description: `"${column}" is no column. There are ${profile.columns.map((c) => c.column).join(', ')}.`,
        },
      ]);
  const columns = profile.columns.filter((c) => wanted.length === 0 || wanted.includes(c.column));
  session.print(`${session.style.bold(shortName(profile.datasetVersion))}  ${count(profile.rows)} rows`);
  for (const column of columns) session.print(['', ...profileLines(columnView(column, Number(profile.rows)), session)]);
  return 0;
};

function columnView(column: ColumnSummary, rows: number): ColumnView {
  const isTime = column.type === DataType.TIMESTAMP || column.type === DataType.DATE;
  return {
    name: column.column,
    type: DataType[column.type] ?? '',
    rows,
    nulls: Number(column.nulls),
    distinct: Number(column.distinct),
    min: column.min,
    max: column.max,
    mean: isTime ? undefined : column.mean,
    stdev: isTime ? undefined : column.stdev,
    quantiles: isTime ? [] : column.quantiles,
    topValues: column.topValues.map((v) => ({ value: v.value, count: Number(v.count) })),
    bins: column.histogram.map((b) => ({ lower: b.lower, upper: b.upper, count: Number(b.count) })),
    // Edges of times are milliseconds since 1970.
    label: (edge) => (isTime ? moment(new Date(edge)) : short(edge)),
  };
}
