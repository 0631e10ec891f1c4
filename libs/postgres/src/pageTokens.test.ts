import { expect, test } from '@jest/globals';
import { decodePageToken, encodePageToken } from './index.ts';

test('a token carries the key of the last row', () => {
  const key = ['2026-01-01T00:00:00.000Z', 'größe', 7, null];
  expect(decodePageToken(encodePageToken(key))).toEqual(key);
});

test.each(['', '!', 'e30', 'x'.repeat(5000), Buffer.from('[1').toString('base64url')])('refuses %.20s', (token) => {
  expect(() => decodePageToken(token)).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      reason: 'PAGE_TOKEN_INVALID',
      violations: [expect.objectContaining({ field: 'page_token' })],
    }),
  );
});
