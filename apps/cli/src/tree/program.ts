import { Argument, Command, Option } from 'commander';
import { EXIT_CODES_HELP } from '../exit-codes.ts';
import type { CommandSpec, GroupSpec, OptionSpec } from './spec.ts';
import { Input } from './spec.ts';

/** Runs a command's code with what it was given. */
export type Invoke = (command: Command, load: CommandSpec['load'], input: Input) => Promise<void>;

const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: '--json', about: 'Writes JSON: one object, or one a line for streams' },
  {
    flags: '--dir <directory>',
    about: 'Data directory; the platform that runs on it is used (default: .millrace)',
    complete: 'file',
  },
  { flags: '--address <host:port>', about: 'gRPC address of a platform, instead of the one on --dir' },
  { flags: '--workspace <id>', about: 'Workspace of bare ids (default: default)' },
];

/** The parser of the command line, from the commands as data. */
export function createProgram(tree: readonly (GroupSpec | CommandSpec)[], invoke: Invoke): Command {
  const program = new Command('millrace')
    .description('Machine-learning pipelines, from raw data to predictions that are watched.')
    .version('0.1.0', '-V, --version', 'Tells the version')
    .helpCommand('help [command]', 'Tells how a command is used')
    .addHelpText(
      'after',
      `\n${examplesText(['up', 'pipelines apply pipeline.yaml', 'pipelines run flight-delays --param until=2001-04-01 --watch', 'datasets query "select count(*) from flights"'])}\n\n${EXIT_CODES_HELP}`,
    );
  prepare(program);
  addOptions(program, GLOBAL_OPTIONS);
  for (const spec of tree) {
    if ('load' in spec) addCommand(program, spec, invoke);
    else addGroup(program, spec, invoke);
  }
  return program;
}

function addGroup(program: Command, group: GroupSpec, invoke: Invoke): void {
  const parent = prepare(program.command(group.name).description(group.about));
  parent.addHelpText('after', `\n${examplesText(group.commands.flatMap((c) => c.examples.slice(0, 1)))}`);
  for (const spec of group.commands) addCommand(parent, spec, invoke);
}

function addCommand(parent: Command, spec: CommandSpec, invoke: Invoke): void {
  const command = prepare(parent.command(spec.name, spec.hidden ? { hidden: true } : {}).description(spec.about));
  for (const { name, about, choices } of spec.arguments ?? []) {
    const argument = new Argument(name, about);
    command.addArgument(choices ? argument.choices([...choices]) : argument);
  }
  addOptions(command, spec.options ?? []);
  command.optionsGroup('Everywhere:');
  addOptions(command, GLOBAL_OPTIONS);
  const more = spec.more ? `\n${spec.more}\n` : '';
  command.addHelpText('after', `${more}\n${examplesText(spec.examples)}`);
  command.action((...given: unknown[]) => {
    const values = given.slice(0, -2) as (string | string[] | undefined)[];
    return invoke(command, spec.load, new Input(values, command.opts()));
  });
}

function addOptions(command: Command, options: readonly OptionSpec[]): void {
  for (const { flags, about, choices } of options) {
    const option = new Option(flags, about);
    command.addOption(choices ? option.choices([...choices]) : option);
  }
}

/** Errors are thrown, not printed: `runCli` writes them as text or JSON. */
function prepare(command: Command): Command {
  return command
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ sortSubcommands: false })
    .showSuggestionAfterError(true)
    .allowExcessArguments(false);
}

function examplesText(examples: readonly string[]): string {
  return `Examples:\n${examples.map((example) => `  $ millrace ${example}`).join('\n')}`;
}
