import { expect, test } from '@jest/globals';
import { canonicalJson, sha256 } from './digest.ts';

test('sha256 of the empty string is the published one', () => {
  expect(sha256('')).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

test('canonical JSON does not depend on the order of keys', () => {
  expect(canonicalJson({ b: [1, { d: 2n, c: undefined }], a: null })).toBe('{"a":null,"b":[1,{"d":2}]}');
});
