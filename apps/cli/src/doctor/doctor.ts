import { readWhereabouts } from '@millrace/all-in-one/whereabouts';
import { EXIT } from '../exit-codes.ts';
import type { Action } from '../tree/spec.ts';
import {
  checkClock,
  checkDirectory,
  checkDisk,
  checkMachine,
  checkNode,
  checkPackages,
  checkPort,
  checkPostgres,
  guarded,
} from './checks.ts';

/** `doctor`: exit code 1 when something keeps the platform from running. */
export const doctor: Action = async (session, input) => {
  const running = await readWhereabouts(session.directory);
  const bounds = { min: 1, max: 65_535 };
  const grpcPort = input.integer('grpcPort', { ...bounds, default: 8081 });
  const httpPort = input.integer('gatewayPort', { ...bounds, default: 8080 });
  const isOurs = (port: number) =>
    running !== undefined && [running.grpcAddress, running.httpUrl].some((address) => address.endsWith(`:${port}`));
  const findings = await Promise.all([
    guarded('Node.js', () => checkNode()),
    guarded('packages', checkPackages),
    guarded('PostgreSQL', checkPostgres),
    guarded('gRPC port', () => checkPort('gRPC port', grpcPort, isOurs(grpcPort), '--grpc-port')),
    guarded('HTTP port', () => checkPort('HTTP port', httpPort, isOurs(httpPort), '--gateway-port')),
    guarded('data directory', () => checkDirectory(session.directory, running?.pid)),
    guarded('disk', () => checkDisk(session.directory)),
    guarded('machine', () => checkMachine()),
    guarded('clock', () => checkClock(new Date())),
  ]);
  const isSound = findings.every((f) => f.state !== 'problem');
  if (session.isJson) session.printJson({ ok: isSound, findings });
  else {
    const { style } = session;
    const marks = { ok: style.good('✔'), warning: style.warn('!'), problem: style.bad('✘') };
    await session.printTable(
      findings,
      [
        { title: '', value: (f) => marks[f.state], priority: 0 },
        { title: 'CHECK', value: (f) => f.check, priority: 0 },
        { title: 'FOUND', value: (f) => f.found, priority: 1 },
      ],
      '',
    );
    for (const { check, remedy } of findings.filter((f) => f.remedy !== ''))
      session.print(`${style.bold(check)}: ${remedy}`);
    session.print(
      isSound ? style.good('This machine can run the platform.') : style.bad('Mend what is marked ✘ first.'),
    );
  }
  return isSound ? EXIT.ok : EXIT.failed;
};
