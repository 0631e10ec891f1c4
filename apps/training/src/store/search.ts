import type { Queryable } from '@millrace/postgres';
import type { Condition, Identifier, Order } from '../domain/filter.ts';
import { RUN_COLUMNS, type RunRow } from './runs.ts';

/** SQL of the attributes; all names are fixed, so nothing of a request becomes SQL text. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  run_id: 'r.run_id',
  run_name: 'r.display_name',
  status: `(array['RUNNING', 'FINISHED', 'FAILED', 'KILLED'])[r.status]`,
  experiment_id: 'r.experiment_id',
  training_job: 'r.job_id',
  start_time: 'extract(epoch from r.start_time)::float8 * 1000',
  end_time: 'extract(epoch from r.end_time)::float8 * 1000',
};

const TABLES = { metrics: 'run_metrics', params: 'run_params', tags: 'run_tags' } as const;

/** The last run of a page: the value it was sorted by (null: none), and its id. */
export type SearchKey = readonly [value: number | string | null, runId: string];

/** What to look for. */
export interface RunSearch {
  readonly workspace: string;
  readonly experimentId: string | undefined;
  readonly filter: Condition | undefined;
  /** Newest first when left out. */
  readonly order: Order | undefined;
  readonly after: SearchKey | undefined;
  readonly limit: number;
}

/**
 * Finds runs. Runs without the value that is sorted by come last, a metric that is NaN counts as none; equals are sorted
 * by id, newest first.
 */
export async function searchRuns(
  q: Queryable,
  { workspace, experimentId, filter, order, after, limit }: RunSearch,
): Promise<{ run: RunRow; key: SearchKey }[]> {
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const where = [`r.workspace = ${bind(workspace)}`];
  if (experimentId !== undefined) where.push(`r.experiment_id = ${bind(experimentId)}`);
  if (filter) where.push(conditionSql(filter, bind));
  const sort = order ?? { identifier: { of: 'attributes', key: 'start_time' } as const, descending: true };
  const value = valueSql(sort.identifier, bind);
  const [direction, beyond] = sort.descending ? ['desc', '<'] : ['asc', '>'];
  const inner = `select r.run_id, ${value} as sorted from runs r where ${where.join(' and ')}`;
  const rows = await q.query<RunRow & { sorted: number | string | null }>(
    `select ${RUN_COLUMNS}, found.sorted from (
       select * from (${inner}) all_runs ${after ? `where ${behindSql(after, beyond!, bind)}` : ''}
       order by sorted ${direction} nulls last, run_id desc limit ${bind(limit)}
     ) found join runs r using (run_id) order by found.sorted ${direction} nulls last, run_id desc`,
    values,
  );
  return rows.map(({ sorted, ...run }) => ({ run, key: [sorted, run.runId] }));
}

type Bind = (value: unknown) => string;

function behindSql([value, runId]: SearchKey, beyond: string, bind: Bind): string {
  const id = bind(runId);
  if (value === null) return `(sorted is null and run_id < ${id})`;
  const last = typeof value === 'number' ? `${bind(String(value))}::float8` : `${bind(value)}::text`;
  return `(sorted ${beyond} ${last} or (sorted = ${last} and run_id < ${id}) or sorted is null)`;
}

function valueSql({ of, key }: Identifier, bind: Bind): string {
  if (of === 'attributes') return ATTRIBUTES[key]!;
  const value = of === 'metrics' ? "nullif(x.value, 'NaN')" : 'x.value';
  return `(select ${value} from ${TABLES[of]} x where x.run_id = r.run_id and x.key = ${bind(key)})`;
}

function conditionSql(condition: Condition, bind: Bind): string {
  if (condition.kind !== 'compare')
    return `(${condition.parts.map((part) => conditionSql(part, bind)).join(` ${condition.kind} `)})`;
  const { identifier, operator, values } = condition;
  const compare = (left: string) => {
    if (operator === 'IN') return `${left} = any(${bind(values)}::text[])`;
    if (operator === 'NOT IN') return `${left} <> all(${bind(values)}::text[])`;
    const [value] = values;
    const right = typeof value === 'number' ? `${bind(String(value))}::float8` : `${bind(value)}::text`;
    return `${left} ${operator === '!=' ? '<>' : operator.toLowerCase()} ${right}`;
  };
  if (identifier.of === 'attributes') return `coalesce(${compare(ATTRIBUTES[identifier.key]!)}, false)`;
  const table = TABLES[identifier.of];
  return `exists (select 1 from ${table} x where x.run_id = r.run_id and x.key = ${bind(identifier.key)} and ${compare('x.value')})`;
}
