import { AppError } from '@millrace/kernel';

/** What has a name and stands after others. */
interface Ordered {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/**
 * Sorts so that each item stands behind those it depends on; among equals the given order is kept. Names that are not in
 * `items` count as met: they run in another process.
 *
 * @throws AppError FAILED_PRECONDITION `MODULE_CYCLE` naming the modules in the circle.
 */
export function orderByDependency<T extends Ordered>(items: readonly T[]): T[] {
  const byName = new Map(items.map((item) => [item.name, item]));
  const done = new Set<string>();
  const sorted: T[] = [];
  const visit = (item: T, path: readonly string[]) => {
    if (done.has(item.name)) return;
    if (path.includes(item.name)) {
      const circle = [...path.slice(path.indexOf(item.name)), item.name].join(' → ');
      throw new AppError('FAILED_PRECONDITION', `Modules depend on each other in a circle: ${circle}.`, {
        reason: 'MODULE_CYCLE',
        fields: { circle },
      });
    }
    for (const name of item.dependsOn) {
      const dependency = byName.get(name);
      if (dependency) visit(dependency, [...path, item.name]);
    }
    done.add(item.name);
    sorted.push(item);
  };
  for (const item of items) visit(item, []);
  return sorted;
}
