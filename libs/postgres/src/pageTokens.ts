import { invalidArgument } from '@millrace/kernel';

/** Longest token that is looked at, in characters. */
const TOKEN_MAX = 4096;

/**
 * The token of the next page: the sort key of the last row of this one (keyset pagination). Dates become ISO text,
 * so they come back as text. Opaque to callers, not secret, and checked only for its form.
 */
export function encodePageToken(key: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** The sort key in a token of {@link encodePageToken}; throws INVALID_ARGUMENT `PAGE_TOKEN_INVALID` for anything else. */
export function decodePageToken(token: string): unknown[] {
  if (token.length <= TOKEN_MAX && /^[A-Za-z0-9_-]+$/.test(token)) {
    try {
      const key: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
      if (Array.isArray(key)) return key;
    } catch {
      // falls through to the refusal
    }
  }
  throw invalidArgument('PAGE_TOKEN_INVALID', [
    {
      field: 'page_token',
      reason: 'PAGE_TOKEN_INVALID',
      description: `${JSON.stringify(token.slice(0, 40))} is not a page token. Use the next_page_token of the page before, or leave it empty for the first page.`,
    },
  ]);
}

/**
 * The token of the page behind `rows`, which were read with one row more than the page's `limit`; empty when they are the
 * last ones. `key` gives what the next page begins behind.
 */
export function nextPageToken<T>(rows: readonly T[], limit: number, key: (row: T) => unknown): string {
  return rows.length > limit ? encodePageToken([key(rows[limit - 1] as T)]) : '';
}
