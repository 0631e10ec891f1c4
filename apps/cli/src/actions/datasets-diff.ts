import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { plainJson } from '../plain-json.ts';
import { details } from '../render/details.ts';
import { count, metric, percent } from '../render/format.ts';
import { shortName, versionName } from '../resource.ts';
import type { Action } from '../tree/spec.ts';

/** `datasets diff BASE TARGET`. */
export const diffVersions: Action = async (session, input) => {
  const base = versionName(session, 'dataset', input.argument(0));
  const given = input.argument(1);
  const target = /^v?\d+$/.test(given)
    ? `${base.slice(0, base.lastIndexOf('/'))}/${given.replace('v', '')}`
    : versionName(session, 'dataset', given);
  const { ingestion, validation } = await session.client();
  const [diff, profiles] = await Promise.all([
    ingestion.diffDatasetVersions({ base, target }),
    validation.compareProfiles({ reference: base, current: target }).catch(() => undefined),
  ]);
  if (session.isJson) {
    session.printJson({ diff: plainJson(diff), profiles: profiles ? plainJson(profiles) : null });
    return 0;
  }
  const { style } = session;
  session.print(`${style.bold(shortName(base))} → ${style.bold(shortName(target))}`);
  session.print(
    details(
      [
        ['rows added', style.good(`+${count(diff.addedRows)}`)],
        ['rows removed', diff.removedRows > 0n ? style.bad(`-${count(diff.removedRows)}`) : '0'],
        ['files', `+${diff.addedFiles.length} -${diff.removedFiles.length}`],
        ['columns added', diff.addedColumns.map((f) => `${f.name} ${DataType[f.type]}`).join(', ')],
        ['columns removed', diff.removedColumns.map((f) => `${f.name} ${DataType[f.type]}`).join(', ')],
        ['columns changed', diff.changedColumns.join(', ')],
      ],
      { width: session.width, name: style.dim },
    ),
  );
  if (!profiles) {
    session.note('The columns are not compared: one of the versions has no profile yet.');
    return 0;
  }
  session.print('');
  await session.printTable(
    profiles.columns,
    [
      { title: 'COLUMN', value: (c) => c.column, priority: 0 },
      { title: 'DISTANCE', value: (c) => metric(c.value), align: 'right', priority: 0 },
      { title: 'METHOD', value: (c) => c.method, priority: 2 },
      { title: 'BOUND', value: (c) => metric(c.threshold), align: 'right', priority: 2 },
      { title: 'DRIFTED', value: (c) => (c.drifted ? style.bad('yes') : 'no'), priority: 0 },
      {
        title: 'MISSING',
        value: (c) => `${c.nullShareChange >= 0 ? '+' : '-'}${percent(Math.abs(c.nullShareChange))}`,
        align: 'right',
        priority: 3,
      },
    ],
    'They have no column in common.',
  );
  return 0;
};
