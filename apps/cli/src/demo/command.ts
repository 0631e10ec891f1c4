import type { Command } from 'commander';
import type { DemoOptions } from './options.ts';

/** Registers `millrace demo`. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'Lives through half a year of flights: load, validate, train, serve, watch, retrain. Takes about two minutes.',
    )
    .option('--dir <directory>', 'data directory', '.millrace')
    .option('--json', 'print one JSON object with all figures as the last line; progress goes to stderr')
    .option('--keep-up', 'leave the platform running at the end, until Ctrl-C')
    .option('--data <parquet>', 'flights in another Parquet file of the same columns, for example a cut')
    .option('--sample <rows>', 'predictions a month', '20000')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run demo\n  $ npm run demo -- --json --dir /tmp/flights\n  $ npm run demo -- --keep-up',
    )
    // `--dir` and `--json` are options of every command too: the program has taken them before this command sees them.
    .action(async (_: DemoOptions, command: Command) => {
      const { runDemo } = await import('./run-demo.ts');
      process.exitCode = await runDemo(command.optsWithGlobals<DemoOptions>());
    });
}
