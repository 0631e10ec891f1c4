import { invalidArgument } from '@millrace/kernel';

/** Fields of a monitor that can be changed, by their names in a field mask. */
const FIELDS = {
  description: 'description',
  endpoint: 'endpoint',
  window: 'window',
  window_offset: 'windowOffset',
  rows_min: 'rowsMin',
  drift: 'drift',
  performance: 'performance',
} as const;

/**
 * The stored monitor with the fields of a mask taken from the given one; an empty mask takes all that can be changed.
 * Throws INVALID_ARGUMENT `FIELD_MASK_INVALID` for other paths.
 */
export function applyMask<T extends Partial<Record<(typeof FIELDS)[keyof typeof FIELDS], unknown>>>(
  stored: T,
  given: T,
  paths: readonly string[],
): T {
  const snake = paths.map((path) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const unknown = snake.filter((path) => path !== '*' && !(path in FIELDS));
  if (unknown.length > 0)
    throw invalidArgument(
      'FIELD_MASK_INVALID',
      unknown.map((path) => ({
        field: 'update_mask',
        description: `"${path}" cannot be changed; use ${Object.keys(FIELDS).join(', ')}.`,
        reason: 'FIELD_MASK_INVALID',
      })),
    );
  const isAll = snake.length === 0 || snake.includes('*');
  const changed = { ...stored };
  for (const [path, key] of Object.entries(FIELDS)) if (isAll || snake.includes(path)) changed[key] = given[key];
  return changed;
}
