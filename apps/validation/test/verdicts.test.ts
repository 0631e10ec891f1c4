import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { Action } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { waitFor } from '@millrace/testing';
import { createRig, type Rig } from './rig.ts';
import { makeRows, type Row, sqlOf } from './table.ts';

const rows = makeRows(400, 3);
const isBroken = ({ x }: Row) => x !== null && x > 30;
const broken = rows.filter(isBroken);
const good = rows.filter((row) => !isBroken(row));
const xAtMost30 = {
  id: 'x-at-most-30',
  rule: { case: 'expectColumnValuesToBeBetween' as const, value: { column: 'x', maxValue: '30' } },
};

let rig: Rig;

beforeAll(async () => {
  rig = await createRig();
});
afterAll(() => rig.stop());

const settlementOf = (version: string) => rig.ingestion.settled.filter(({ name }) => name === version);
const ids = async (version: string) => (await rig.published(version, 'id')).map(({ id }) => Number(id));
const keys = (list: readonly (string | null)[]) =>
  `SELECT * FROM (VALUES ${list.map((key, i) => `(${i}::BIGINT, ${key === null ? 'NULL' : `'${key}'`})`).join(', ')}) t(id, key) ORDER BY id`;

test('QUARANTINE puts exactly the broken rows aside, each as a dead letter with its rule, and publishes the others', async () => {
  const contract = await rig.contract('put-aside', { expectations: [{ ...xAtMost30, action: Action.QUARANTINE }] });
  const version = await rig.add('put-aside', sqlOf(rows));
  const { result } = await rig.judge(version, contract);
  expect(result).toMatchObject({ verdict: Verdict.PUBLISH, quarantinedRows: BigInt(broken.length) });
  expect(await ids(version)).toEqual(good.map(({ id }) => id));

  const [settlement] = settlementOf(version);
  expect(settlement).toMatchObject({
    quarantinedRows: BigInt(broken.length),
    quarantinedByRule: { 'x-at-most-30': BigInt(broken.length) },
  });
  const letters = await rig.rowsOf(settlement?.deadLetters?.digest ?? '');
  expect(letters.map(({ row_json: json }) => JSON.parse(String(json)).id).sort((a, b) => a - b)).toEqual(
    broken.map(({ id }) => id),
  );
  for (const letter of letters) expect(letter.rules).toEqual(['x-at-most-30']);
});

test('WARN publishes all rows and tells; FAIL rejects the version and puts nothing aside', async () => {
  const warned = await rig.contract('warned', { expectations: [{ ...xAtMost30, action: Action.WARN }] });
  const first = await rig.add('warned', sqlOf(rows));
  expect((await rig.judge(first, warned)).result).toMatchObject({ verdict: Verdict.PUBLISH, quarantinedRows: 0n });
  expect(await ids(first)).toHaveLength(rows.length);

  const failed = await rig.contract('failed', { expectations: [{ ...xAtMost30, action: Action.FAIL }] });
  const second = await rig.add('failed', sqlOf(rows));
  const { result } = await rig.judge(second, failed);
  expect(result).toMatchObject({ verdict: Verdict.REJECT, quarantinedRows: 0n });
  expect(result?.rejection).toContain('x-at-most-30');
  expect(settlementOf(second)).toMatchObject([{ verdict: DatasetVersionState.REJECTED, quarantinedRows: 0n }]);
});

test('a version is rejected when more than the allowed share of its rows would be put aside', async () => {
  const share = broken.length / rows.length;
  const expectations = [{ ...xAtMost30, action: Action.QUARANTINE }];
  const enough = await rig.contract('share-enough', { expectations, quarantinedShareMax: share });
  const scarce = await rig.contract('share-scarce', { expectations, quarantinedShareMax: share - 1e-6 });
  const verdict = async (dataset: string, contract: string) =>
    (await rig.judge(await rig.add(dataset, sqlOf(rows)), contract)).result?.verdict;
  expect(await verdict('share-enough', enough)).toBe(Verdict.PUBLISH);
  expect(await verdict('share-scarce', scarce)).toBe(Verdict.REJECT);
});

test.each([
  [false, [2, 6, 7], [2, 6, 7]],
  [true, [0, 2, 3, 6, 7], [0, 2, 3, 6, 7, 9]],
])(
  'uniqueness, keep_first %s: every row of a group counts, and rows of the version before are known',
  async (keepFirst, first, second) => {
    const dataset = `unique-${keepFirst}`;
    const contract = await rig.contract(dataset, {
      quarantinedShareMax: 1,
      expectations: [
        {
          id: 'key-unique',
          action: Action.QUARANTINE,
          rule: { case: 'expectColumnValuesToBeUnique', value: { column: 'key', keepFirst } },
        },
      ],
    });
    const one = await rig.add(dataset, keys(['a', 'a', 'b', 'c', 'c', 'c', null, null]));
    const judged = await rig.judge(one, contract);
    expect(judged.result?.expectations[0]?.unexpectedCount).toBe(5n);
    expect(await ids(one)).toEqual(first);

    // 8: b is known; 9 and 10: d twice.
    const two = await rig.add(dataset, `SELECT id + 8 AS id, key FROM (${keys(['b', 'd', 'd'])}) ORDER BY id`, one);
    const again = await rig.judge(two, contract);
    expect(again.result?.expectations[0]?.unexpectedCount).toBe(3n);
    expect(await ids(two)).toEqual(second);
  },
);

test('the profile of the published rows is kept, and that of a later version covers all rows', async () => {
  const contract = await rig.contract('profiled', { expectations: [{ ...xAtMost30, action: Action.QUARANTINE }] });
  const one = await rig.add('profiled', sqlOf(rows));
  await rig.judge(one, contract);
  const expectProfile = async (version: string, of: readonly Row[]) => {
    const { profile } = await rig.validation.getProfile({ datasetVersion: version });
    const xs = of.flatMap(({ x }) => x ?? []);
    expect(Number(profile?.rows)).toBe(of.length);
    const x = profile?.columns.find(({ column }) => column === 'x');
    expect(Number(x?.nulls)).toBe(of.length - xs.length);
    expect([Number(x?.min), Number(x?.max)]).toEqual([Math.min(...xs), Math.max(...xs)]);
    expect(x?.mean).toBeCloseTo(xs.reduce((a, b) => a + b, 0) / xs.length, 9);
  };
  await expectProfile(one, good);
  const more = makeRows(100, 4);
  const two = await rig.add('profiled', sqlOf(more), one);
  await rig.judge(two, contract);
  await expectProfile(two, [...good, ...more.filter((row) => !isBroken(row))]);
});

test('anomalies against the version before are told, and reject where they are to', async () => {
  const anomaly = { rowCountRatioMin: 0.5, rowCountRatioMax: 2, nullShareChangeMax: 0.2, driftMax: 0.3 };
  const odd = rows.slice(0, 100).map((row) => ({ ...row, x: row.x === null ? null : row.x + 500, code: null }));
  for (const action of [Action.WARN, Action.FAIL]) {
    const dataset = `anomalies-${Action[action].toLowerCase()}`;
    const contract = await rig.contract(dataset, { anomaly: { ...anomaly, action } });
    const one = await rig.add(dataset, sqlOf(rows));
    expect((await rig.judge(one, contract)).result?.anomalies).toEqual([]);
    const { result } = await rig.judge(await rig.add(dataset, sqlOf(odd), one), contract);
    expect(result?.anomalies.map(({ reason, column }) => `${reason} ${column}`).sort()).toEqual(
      expect.arrayContaining(['DRIFT x', 'NULL_SHARE code', 'ROW_COUNT ']),
    );
    expect(result?.anomalies.find(({ reason }) => reason === 'ROW_COUNT')?.value).toBeCloseTo(0.25, 12);
    expect(result?.anomalies.find(({ reason }) => reason === 'NULL_SHARE')?.value).toBeCloseTo(
      1 - rows.filter(({ code }) => code === null).length / rows.length,
      12,
    );
    expect(result?.verdict).toBe(action === Action.FAIL ? Verdict.REJECT : Verdict.PUBLISH);
  }
});

test('a column that is missing or of another type rejects the version', async () => {
  const contract = await rig.contract('columns', {
    columns: [
      { name: 'id', type: 4 },
      { name: 'gone', type: 4 },
    ],
  });
  const { result } = await rig.judge(await rig.add('columns', `SELECT 'a' AS id`), contract);
  expect(result?.verdict).toBe(Verdict.REJECT);
  expect(result?.anomalies.map(({ reason, column }) => [reason, column])).toEqual([
    ['COLUMN_TYPE', 'id'],
    ['COLUMN_MISSING', 'gone'],
  ]);
});

test('a dry run judges and changes nothing', async () => {
  const contract = await rig.contract('dry', { expectations: [{ ...xAtMost30, action: Action.QUARANTINE }] });
  const version = await rig.add('dry', sqlOf(rows));
  const { result } = await rig.judge(version, contract, true);
  expect(result?.quarantinedRows).toBe(BigInt(broken.length));
  expect(settlementOf(version)).toEqual([]);
});

test('stopped between the verdict and its own note of it, a run settles once and tells what it had found', async () => {
  const contract = await rig.contract('restarted', {
    expectations: [
      { ...xAtMost30, action: Action.QUARANTINE },
      { id: 'rows', rule: { case: 'expectTableRowCountToBeBetween', value: { minValue: BigInt(rows.length) } } },
    ],
  });
  const version = await rig.add('restarted', sqlOf(rows));
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  rig.ingestion.afterSettle = () => held;
  const run = await rig.start(version, contract);
  await waitFor(() => settlementOf(version).length > 0);
  rig.ingestion.afterSettle = async () => undefined;
  await rig.testPlatform.restart();
  release();

  const ended = await rig.ended(run);
  expect(ended.execution?.state).toBe(JobState.SUCCEEDED);
  expect(ended.result).toMatchObject({
    verdict: Verdict.PUBLISH,
    evaluatedRows: BigInt(rows.length),
    quarantinedRows: BigInt(broken.length),
  });
  expect(settlementOf(version)).toHaveLength(1);
  const { profile } = await rig.validation.getProfile({ datasetVersion: version });
  expect(Number(profile?.rows)).toBe(good.length);
});
