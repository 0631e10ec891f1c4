import { allInOneConfigSchema } from '@millrace/all-in-one/config';
import { loadConfig, printConfig } from '@millrace/config';
import { AppError, isAppError } from '@millrace/kernel';
import { EXIT } from '../exit-codes.ts';
import { bytes, duration } from '../render/format.ts';
import type { Session } from '../session.ts';
import type { Action, Input } from '../tree/spec.ts';
import { settingOptions } from './settings.ts';

/** How often the status line is drawn again, in milliseconds. */
const STATUS_MS = 1000;

/** `up`: runs the platform in this process until a signal, or tells its configuration. */
export const up: Action = async (session, input) => {
  const config = readConfig(session, input);
  if (input.flag('printConfig')) {
    session.print(printConfig(allInOneConfigSchema, config));
    return EXIT.ok;
  }
  const begin = performance.now();
  let isStopping = false;
  const stopped = new Promise<void>((resolve) =>
    session.io.onSignals(() => {
      isStopping = true;
      resolve();
    }),
  );
  session.note(session.style.dim(`Starting on ${config.dataDirectory} …`));
  const { startAllInOne } = await import('@millrace/all-in-one');
  const running = await startAllInOne(config);
  const { grpcAddress, httpUrl, pid, postgresPid } = running;
  if (session.isJson) {
    session.printJson({
      state: 'RUNNING',
      grpcAddress,
      httpUrl,
      pid,
      postgresPid,
      dataDirectory: config.dataDirectory,
    });
  } else {
    session.print([
      `${session.style.good('Millrace is up')} after ${duration(performance.now() - begin)}.`,
      `  gRPC  ${session.style.bold(grpcAddress)}`,
      `  HTTP  ${session.style.bold(httpUrl)}   ${session.style.dim(`${httpUrl}/metrics`)}`,
      `  data  ${config.dataDirectory}   ${session.style.dim('log: millrace.log')}`,
      session.style.dim('Ctrl+C stops it; what was acknowledged is kept.'),
    ]);
  }
  const ticker = session.isLive && !isStopping ? setInterval(() => statusLine(session, begin), STATUS_MS) : undefined;
  await stopped;
  clearInterval(ticker);
  session.note('\nStopping: calls and work under way are finished first. Again: ends at once.');
  const cut = await running.stop();
  if (session.isJson) session.printJson({ state: 'STOPPED', cutOff: cut });
  else session.print(cut.length > 0 ? `Stopped; cut off: ${cut.join(', ')}.` : 'Stopped.');
  return EXIT.ok;
};

/** The configuration from `--config`, the environment and the options. Throws INVALID_ARGUMENT `CONFIG_INVALID`. */
export function readConfig(session: Session, input: Input) {
  const given = settingOptions().flatMap((option) => {
    const value = input.text(option.key);
    return value === undefined
      ? []
      : [{ flag: option.flags.split(' ')[0] as string, variable: option.variable, value }];
  });
  const file = input.text('config');
  try {
    return loadConfig(allInOneConfigSchema, {
      ...(file !== undefined && { file }),
      environment: { ...session.io.env, ...Object.fromEntries(given.map((g) => [g.variable, g.value])) },
      overrides: { dataDirectory: session.directory },
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    const violations = error.violations.map((violation) => ({
      ...violation,
      description: given.reduce((text, g) => text.replace(`(${g.variable})`, `(${g.flag})`), violation.description),
    }));
    throw new AppError(error.code, error.message, { reason: error.reason, violations, cause: error });
  }
}

function statusLine({ io, style }: Session, begin: number): void {
  const { rss } = process.memoryUsage();
  io.stdout.write(
    `\r\u001b[K${style.dim(`up ${duration(Math.round((performance.now() - begin) / 1000) * 1000)}  memory ${bytes(rss)}`)}`,
  );
}
