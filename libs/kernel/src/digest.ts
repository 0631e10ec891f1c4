import { createHash } from 'node:crypto';

/** A content digest as text: `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`;

/** SHA-256 of bytes or UTF-8 text. */
export function sha256(content: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** Whether `text` has the form of a {@link Digest}. */
export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/**
 * JSON with sorted keys and without white space: equal values give equal text. `undefined` members are left out;
 * numbers are written as JavaScript writes them; bigint is written as a number.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`;
}
