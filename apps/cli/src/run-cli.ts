import { AppError } from '@millrace/kernel';
import type { Command } from 'commander';
import { CommanderError } from 'commander';
import { registerDemo } from './demo/command.ts';
import { reportError } from './error-text.ts';
import { EXIT } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import type { GlobalOptions } from './session.ts';
import { Session } from './session.ts';
import { createProgram } from './tree/program.ts';
import type { Action, CommandSpec, Input } from './tree/spec.ts';
import { commandTree } from './tree/tree.ts';

/** Runs one command line and gives its exit code. Nothing is thrown. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  let exitCode: number = EXIT.ok;
  const isJson = args.includes('--json');
  const run = async (command: Command, action: (session: Session) => Promise<number | undefined>) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    let session: Session | undefined;
    try {
      session = new Session(io, options);
      exitCode = (await action(session)) ?? EXIT.ok;
    } catch (error) {
      const { json } = options;
      exitCode = await reportError(error, session ?? new Session(io, json === undefined ? {} : { json }));
    } finally {
      session?.close();
    }
  };
  const invoke = (command: Command, load: CommandSpec['load'], input: Input) =>
    run(command, async (session) => {
      const action: Action = await load();
      return action(session, input);
    });
  try {
    const program = createProgram(await commandTree(args), invoke);
    registerDemo(program);
    for (const command of everyCommand(program))
      command.configureOutput({
        writeOut: (text) => io.stdout.write(text),
        writeErr: (text) => isJson || io.stderr.write(text),
        outputError: () => undefined,
      });
    if (args.length === 0) {
      io.stdout.write(program.helpInformation());
      return EXIT.ok;
    }
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, new Session(io, { json: isJson }));
    if (error.exitCode === 0) return EXIT.ok;
    // A group without a command: its help is on stderr already.
    if (error.code === 'commander.help' && !isJson) return EXIT.usage;
    const session = new Session(io, { json: isJson });
    return reportError(usageError(error), session);
  }
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** A parser's complaint, `error: unknown command 'modls'\n(Did you mean models?)`, in the form of all errors. */
function usageError(error: CommanderError): AppError {
  const isBare = error.code === 'commander.help';
  const message = isBare ? 'A command is missing.' : error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  return new AppError('INVALID_ARGUMENT', message, { reason: 'USAGE' });
}
