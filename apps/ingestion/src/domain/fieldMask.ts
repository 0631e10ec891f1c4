import { invalidArgument } from '@millrace/kernel';

/**
 * Which parts of a resource an update changes. `known` has the parts and further paths by which they may be named; no
 * paths, or `*`, mean all of them. Throws INVALID_ARGUMENT `UPDATE_MASK_INVALID` for a path that cannot be changed.
 */
export function changedPaths<K extends string>(
  paths: readonly string[] | undefined,
  known: Readonly<Record<K, readonly string[]>>,
): ReadonlySet<K> {
  const parts = Object.keys(known) as K[];
  if (!paths || paths.length === 0 || paths.includes('*')) return new Set(parts);
  return new Set(
    paths.map((path) => {
      const part = parts.find((name) => [name, ...known[name]].some((p) => path === p || path.startsWith(`${p}.`)));
      if (part) return part;
      throw invalidArgument('UPDATE_MASK_INVALID', [
        {
          field: 'update_mask',
          reason: 'UPDATE_MASK_INVALID',
          description: `"${path.slice(0, 80)}" cannot be changed. Use ${Object.values<readonly string[]>(known).flat().join(', ')}.`,
        },
      ]);
    }),
  );
}
