import type { Tx } from '@millrace/postgres';
import type { AlertKind } from '../domain/alerts.ts';
import type { RunRow } from './runs.ts';

/** A verdict's kind and model version. */
export interface JudgedSubject {
  readonly kind: AlertKind;
  readonly modelVersion: string;
}

/** Keeps which verdicts a window has, in place of those of an earlier judging. */
export async function replaceJudgements(tx: Tx, run: RunRow, judged: readonly JudgedSubject[]): Promise<void> {
  await tx.execute('delete from judgements where monitor = $1 and window_end = $2 and window_start = $3', [
    run.monitor,
    run.windowEnd,
    run.windowStart,
  ]);
  await tx.execute(
    `insert into judgements (monitor, kind, model_version, window_start, window_end)
     select $1, u.kind, u.version, $2, $3 from unnest($4::text[], $5::text[]) as u(kind, version)`,
    [
      run.monitor,
      run.windowStart,
      run.windowEnd,
      judged.map((subject) => subject.kind),
      judged.map((subject) => subject.modelVersion),
    ],
  );
}

/** The newest judged window's end of each kind and model version of a monitor. */
export function newestJudged(tx: Tx, monitor: string): Promise<(JudgedSubject & { readonly windowEnd: Date })[]> {
  return tx.query(
    `select kind, model_version as "modelVersion", max(window_end) as "windowEnd"
     from judgements where monitor = $1 group by kind, model_version`,
    [monitor],
  );
}
