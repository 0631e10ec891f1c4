import type { ArgumentSpec, CommandSpec, CompletionKind, GroupSpec, OptionSpec } from '../tree/spec.ts';

/** A word that may stand at the cursor. */
export interface Word {
  readonly word: string;
  readonly about: string;
}

/** What may stand at the cursor: these words, and the ids of a kind of resource (or files). */
export interface Candidates {
  readonly words: readonly Word[];
  readonly kind?: CompletionKind;
}

const GLOBALS: readonly OptionSpec[] = [
  { flags: '--json', about: 'Writes JSON' },
  { flags: '--dir <directory>', about: 'Data directory', complete: 'file' },
  { flags: '--address <host:port>', about: 'gRPC address of a platform' },
  { flags: '--workspace <id>', about: 'Workspace of bare ids' },
  { flags: '-h, --help', about: 'Tells how it is used' },
];

/** What may follow the words of a command line, whose last one is unfinished. */
export function candidates(tree: readonly (GroupSpec | CommandSpec)[], words: readonly string[]): Candidates {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const visible = tree.filter((node) => !('hidden' in node && node.hidden));
  const [first, ...rest] = before;
  if (first === undefined)
    return named([
      ...visible,
      { name: 'demo', about: 'Lives through half a year of flights' },
      { name: 'help', about: 'Tells how a command is used' },
    ]);
  const node = visible.find((n) => n.name === first);
  if (!node) return { words: [] };
  if ('load' in node) return ofCommand(node, rest, current);
  const [second, ...given] = rest;
  if (second === undefined) return named(node.commands.filter((c) => !c.hidden));
  const command = node.commands.find((c) => c.name === second);
  return command ? ofCommand(command, given, current) : { words: [] };
}

function ofCommand(command: CommandSpec, given: readonly string[], current: string): Candidates {
  const options = [...(command.options ?? []), ...GLOBALS];
  const previous = options.find((option) => namesOf(option).includes(given.at(-1) ?? ''));
  if (previous && takesValue(previous)) return values(previous);
  if (current.startsWith('-'))
    return { words: options.map((option) => ({ word: namesOf(option).at(-1) as string, about: option.about })) };
  const position = positionals(given, options);
  const all = command.arguments ?? [];
  const last = all.at(-1);
  const argument = all[position] ?? (last?.name.includes('...') ? last : undefined);
  return argument ? values(argument) : { words: [] };
}

/** How many arguments, options and their values not counted, were given. */
function positionals(given: readonly string[], options: readonly OptionSpec[]): number {
  let position = 0;
  for (let i = 0; i < given.length; i++) {
    const option = options.find((o) => namesOf(o).includes(given[i] as string));
    if (option && takesValue(option)) i++;
    else if (!given[i]?.startsWith('-')) position++;
  }
  return position;
}

function values(spec: OptionSpec | ArgumentSpec): Candidates {
  const words = (spec.choices ?? []).map((word) => ({ word, about: spec.about }));
  return spec.complete ? { words, kind: spec.complete } : { words };
}

function named(nodes: readonly { name: string; about: string }[]): Candidates {
  return { words: nodes.map(({ name, about }) => ({ word: name, about })) };
}

function namesOf({ flags }: OptionSpec): string[] {
  return flags.split(/[ ,]+/).filter((part) => part.startsWith('-'));
}

function takesValue({ flags }: OptionSpec): boolean {
  return flags.includes('<');
}
