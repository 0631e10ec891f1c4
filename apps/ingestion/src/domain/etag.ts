import { canonicalJson, sha256 } from '@millrace/kernel';

/** A short digest of what callers see of a resource; changes with each change. */
export function etagOf(state: object): string {
  const { etag: _, createTime: __, updateTime: ___, ...content } = state as Record<string, unknown>;
  return sha256(canonicalJson(content)).slice('sha256:'.length, 'sha256:'.length + 16);
}
