import type { JobContext } from '@millrace/jobs';
import type { TableConnection } from '@millrace/tables';

/** How often the engine is asked how far it is, in milliseconds. */
const INTERVAL_MS = 250;
/** Where writing begins and ends within a load. */
const WRITE_BEGIN = 0.1;
const WRITE_SHARE = 0.85;

/** Passes the engine's progress on to the job until the function that it gives is called. */
export function reportProgress(ctx: JobContext<unknown>, connection: TableConnection, totalRows: number | undefined) {
  const timer = setInterval(() => {
    const share = connection.progress();
    if (share === undefined) return;
    const rows = totalRows === undefined ? {} : { rows: Math.floor(share * totalRows) };
    ctx.progress({ fraction: WRITE_BEGIN + share * WRITE_SHARE, message: 'writing', ...rows });
  }, INTERVAL_MS);
  return () => clearInterval(timer);
}
