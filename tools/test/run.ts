/**
 * Runs the tests: all of them (after the checks), or those of one project with `--project libs/kernel`.
 * Further arguments go to Jest. The last line on stdout is `N passed, N failed` (with `, N skipped`), over all suites.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface JestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numFailedTestSuites: number;
  numRuntimeErrorTestSuites: number;
}

const root = resolve(import.meta.dirname, '../..');
const args = process.argv.slice(2);
const at = args.indexOf('--project');
const project = at >= 0 ? args.splice(at, 2)[1] : undefined;

const directory = await mkdtemp(join(tmpdir(), 'millrace-test-'));
const reportFile = join(directory, 'report.json');
try {
  const checkCode = project ? 0 : await runChecks();
  const exitCode = (await runJest()) || checkCode;
  const report = JSON.parse(await readFile(reportFile, 'utf8')) as JestReport;
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites + (checkCode === 0 ? 0 : 1);
  const skipped = report.numPendingTests > 0 ? `, ${report.numPendingTests} skipped` : '';
  console.log(`${report.numPassedTests} passed, ${failed} failed${skipped}`);
  process.exitCode = exitCode;
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** `npm run check`: a failure counts as one failed test. */
function runChecks(): Promise<number> {
  const child = spawn(process.execPath, [join(root, 'tools/check/check.ts')], { cwd: root, stdio: 'inherit' });
  return new Promise((done) => child.once('exit', (code) => done(code ?? 1)));
}

function runJest(): Promise<number> {
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  const jestArgs = ['--rootDir', root, '--config', join(root, 'jest.config.js'), '--json', '--outputFile', reportFile];
  if (project) jestArgs.push('--passWithNoTests', `${join(root, project)}/`);
  const child = spawn(process.execPath, ['--experimental-vm-modules', '--no-warnings', jest, ...jestArgs, ...args], {
    cwd: root,
    stdio: ['inherit', 'ignore', 'inherit'],
    env: { ...process.env, NODE_ENV: 'test' },
  });
  return new Promise((done) => child.once('exit', (code) => done(code ?? 1)));
}
