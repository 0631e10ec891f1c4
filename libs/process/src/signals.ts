/**
 * Calls `stop` on the first SIGINT or SIGTERM and ends the process with 0 when it resolves, with 1 when it fails; the
 * second signal ends the process at once with 130 (SIGINT) or 143 (SIGTERM).
 */
export function stopOnSignal(stop: (signal: NodeJS.Signals) => Promise<void>): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(signal === 'SIGINT' ? 130 : 143);
    isStopping = true;
    stop(signal).then(
      () => process.exit(0),
      (error) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
