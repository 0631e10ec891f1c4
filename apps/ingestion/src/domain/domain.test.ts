import { expect, test } from '@jest/globals';
import { schemaOf } from '@millrace/tables';
import { datasetType } from './columnTypes.ts';
import { parseCsvLine } from './csvLine.ts';
import { positionAfter } from './cursor.ts';
import { changedPaths } from './fieldMask.ts';
import { fitSchema } from './fitSchema.ts';
import { letterId, parseLetterId } from './letterIds.ts';
import { toJsonRows } from './rowsJson.ts';
import { tablesIn } from './tablesIn.ts';
import { parseVersionName } from './versionNames.ts';

test('CSV lines by RFC 4180', () => {
  // Examples 1, 5, 6 and 7 of RFC 4180, section 2.
  expect(parseCsvLine('aaa,bbb,ccc', ',')).toEqual(['aaa', 'bbb', 'ccc']);
  expect(parseCsvLine('"aaa","bbb",ccc', ',')).toEqual(['aaa', 'bbb', 'ccc']);
  expect(parseCsvLine('"aaa","b\r\nbb","ccc"', ',')).toEqual(['aaa', 'b\r\nbb', 'ccc']);
  expect(parseCsvLine('"aaa","b""bb","ccc"', ',')).toEqual(['aaa', 'b"bb', 'ccc']);
  expect(parseCsvLine('', ',')).toEqual(['']);
  expect(parseCsvLine('a||b||', '||')).toEqual(['a', 'b', '']);
  expect(parseCsvLine('a,,', ',')).toEqual(['a', '', '']);
  expect(parseCsvLine('"open', ',')).toBeUndefined();
  expect(parseCsvLine('"a"b,c', ',')).toBeUndefined();
  expect(parseCsvLine('a"b,c', ',')).toBeUndefined();
});

test('ids of dead letters and versions come apart as they were put together', () => {
  const key = { stage: 'v', version: 12, row: 5 } as const;
  expect(parseLetterId(letterId(key), 'id')).toEqual(key);
  for (const bad of ['', 'x1-1', 'l0-1', 'l1-0', 'l1-1 ', "l1-1'"])
    expect(() => parseLetterId(bad, 'id')).toThrow('id');
  expect(parseVersionName('workspaces/w/datasets/d/versions/7')).toEqual({
    dataset: 'workspaces/w/datasets/d',
    version: 7,
  });
  for (const bad of ['0', '01', 'latest', '9999999999'])
    expect(() => parseVersionName(`workspaces/w/datasets/d/versions/${bad}`)).toThrow('version');
});

test('a load ends at its bound, else at the greatest value, else where it began', () => {
  const lower = { value: '5', isExclusive: true };
  const range = { column: 't', type: 'int64', lower, upper: undefined } as const;
  expect(positionAfter({ ...range, upper: '9' }, '7')).toEqual({ value: '9', isExclusive: false });
  expect(positionAfter(range, '7')).toEqual({ value: '7', isExclusive: true });
  expect(positionAfter(range, undefined)).toEqual(lower);
});

test('types of sources as datasets keep them', () => {
  expect(['int8', 'uint32', 'uint64', 'timestamptz', 'date'].map((type) => datasetType(type as 'int8'))).toEqual([
    'int32',
    'int64',
    'int64',
    'timestamp',
    'date',
  ]);
  expect(datasetType('decimal(10,2)')).toBe('float64');
});

test('what a text looks like is no difference where it can be read as the column', () => {
  const current = schemaOf([
    { name: 'code', type: 'string' },
    { name: 'n', type: 'int32' },
  ]);
  const incoming = [
    { name: 'CODE', type: 'int64' },
    { name: 'n', type: 'int64' },
  ] as const;
  const contract = { columns: 'freeze', types: 'freeze' } as const;
  const fit = fitSchema({ current, incoming, isText: true, contract, primaryKey: ['code'] });
  expect(fit).toMatchObject({ changes: [], rowRules: [], missing: [] });
  const typed = { current, incoming, isText: false, contract, primaryKey: [] };
  expect(() => fitSchema(typed)).toThrow(expect.objectContaining({ reason: 'SCHEMA_FROZEN' }));
  const keyless = { ...typed, isText: true, primaryKey: ['id'] };
  expect(() => fitSchema(keyless)).toThrow(expect.objectContaining({ reason: 'PRIMARY_KEY_MISSING' }));
});

test('update masks name what can be changed', () => {
  const known = { description: ['description'], location: ['file', 'postgres'] };
  expect([...changedPaths([], known)]).toEqual(['description', 'location']);
  expect([...changedPaths(['file.paths'], known)]).toEqual(['location']);
  expect(() => changedPaths(['etag'], known)).toThrow('update_mask');
});

test('rows as JSON arrays: large integers, NaN, times before 1970, bytes', () => {
  const schema = [
    { name: 'i', type: 'int64' },
    { name: 'f', type: 'float64' },
    { name: 't', type: 'timestamp' },
    { name: 'd', type: 'date' },
    { name: 'b', type: 'binary' },
  ] as const;
  const columns = [
    BigInt64Array.of(9_007_199_254_740_993n, 5n),
    Float64Array.of(Number.NaN, -0.5),
    BigInt64Array.of(-1n, 978_307_200_000_000n),
    Int32Array.of(-1, 11_323),
    [Uint8Array.of(1), Uint8Array.of()],
  ].map((values) => ({ values, validity: null }));
  expect([...toJsonRows(schema, { rows: 2, columns })]).toEqual([
    '["9007199254740993","NaN","1969-12-31T23:59:59.999999Z","1969-12-31","AQ=="]',
    '[5,-0.5,"2001-01-01T00:00:00Z","2001-01-01",""]',
  ]);
});

test('tables in a syntax tree', () => {
  const tree = [
    {
      node: {
        from_table: {
          type: 'JOIN',
          left: { type: 'BASE_TABLE', table_name: 'b' },
          right: { type: 'BASE_TABLE', table_name: 'a' },
        },
      },
    },
  ];
  expect(tablesIn(tree)).toEqual(['a', 'b']);
});
