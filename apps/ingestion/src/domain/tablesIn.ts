/** The names of all tables in DuckDB's syntax trees, also of those that the statement defines itself. */
export function tablesIn(statements: readonly unknown[]): string[] {
  const found = new Set<string>();
  const stack: unknown[] = [...statements];
  while (stack.length > 0) {
    const node = stack.pop();
    if (Array.isArray(node)) stack.push(...node);
    else if (node !== null && typeof node === 'object') {
      const { type, table_name: name } = node as { type?: unknown; table_name?: unknown };
      if (type === 'BASE_TABLE' && typeof name === 'string') found.add(name);
      stack.push(...Object.values(node));
    }
  }
  return [...found].sort();
}
