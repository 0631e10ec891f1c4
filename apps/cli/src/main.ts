#!/usr/bin/env node
/** The `millrace` command. Code is compiled once and kept (https://nodejs.org/api/module.html#module-compile-cache). */
import { enableCompileCache } from 'node:module';

enableCompileCache();
const { processIo } = await import('./io.ts');
const { runCli } = await import('./run-cli.ts');
const exitCode = await runCli(process.argv.slice(2), processIo());
// What was written must have left the process: exiting would cut a pipe short.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
process.exit(exitCode || process.exitCode || 0);
