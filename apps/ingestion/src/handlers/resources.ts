import { AppError } from '@millrace/kernel';
import { decodePageToken, encodePageToken } from '@millrace/postgres';

const PAGE_SIZE_DEFAULT = 100;

/** The number of results asked for; 0 stands for 100. */
export function pageSize(requested: number): number {
  return requested || PAGE_SIZE_DEFAULT;
}

/** The key after which a page begins; `first` for the first page. */
export function pageKey<K extends string | number>(token: string, first: K): K {
  if (token === '') return first;
  const [key] = decodePageToken(token);
  if (typeof key === typeof first) return key as K;
  decodePageToken('!'); // a token of another method: refused in the same words as any other text
  return first;
}

/** Cuts a page off rows of which one more was read than is wanted. */
export function page<R>(rows: readonly R[], size: number, keyOf: (row: R) => unknown): { rows: R[]; token: string } {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { rows: shown, token: rows.length > size && last !== undefined ? encodePageToken([keyOf(last)]) : '' };
}

/** ALREADY_EXISTS `<KIND>_EXISTS`. */
export function alreadyExists(kind: string, name: string): AppError {
  return new AppError('ALREADY_EXISTS', `${kind} "${name}" exists already. Update it, or choose another name.`, {
    reason: `${kind.toUpperCase()}_EXISTS`,
    fields: { name },
  });
}

/** Throws ABORTED `ETAG_MISMATCH` when the caller knows another state of the resource; an empty etag fits any. */
export function checkEtag(name: string, given: string, etag: string): void {
  if (given === '' || given === etag) return;
  throw new AppError('ABORTED', `${name} was changed meanwhile: its etag is ${etag}, not ${given}. Read it again.`, {
    reason: 'ETAG_MISMATCH',
    fields: { name, etag },
  });
}
