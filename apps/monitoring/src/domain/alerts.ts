/** What an alert is about. */
export type AlertKind = 'DRIFT' | 'PERFORMANCE';

/** The verdict of one kind on one model version in a window. */
export interface Judgement {
  readonly kind: AlertKind;
  readonly modelVersion: string;
  readonly isOutOfBounds: boolean;
  /** What is out of bounds, in a sentence. */
  readonly message: string;
  readonly figures: Readonly<Record<string, number>>;
}

/** An alert that is not resolved, as far as deciding needs it. */
export interface OpenAlert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly modelVersion: string;
  /** End of the newest window that was out of bounds. */
  readonly lastWindowEnd: Date;
}

/** What to decide on. */
export interface AlertSituation {
  readonly windowEnd: Date;
  readonly judgements: readonly Judgement[];
  /** Model versions with predictions in the window, judged or not. */
  readonly versionsInWindow: readonly string[];
  readonly open: readonly OpenAlert[];
  /** The newest judged windows, this one included or not. */
  readonly newestJudged: readonly {
    readonly kind: AlertKind;
    readonly modelVersion: string;
    readonly windowEnd: Date;
  }[];
}

/** What becomes of the alerts. */
export interface AlertChanges {
  readonly raise: readonly Judgement[];
  /** Ids of open alerts that the window confirms. */
  readonly extend: readonly string[];
  /** Ids of open alerts that are over. */
  readonly resolve: readonly string[];
}

/**
 * Decides what a judged window does to the alerts of its monitor. A window out of bounds opens an alert or confirms the
 * open one; one within bounds resolves it. An older window, judged after a newer one, changes nothing, since alerts tell
 * how things stand. Alerts of a model version without predictions in the window are resolved by the first newer window in
 * which another version was judged: it has a successor.
 */
export function decideAlerts(situation: AlertSituation): AlertChanges {
  const { windowEnd, judgements, open } = situation;
  const raise: Judgement[] = [];
  const extend: string[] = [];
  const resolve: string[] = [];
  for (const judgement of judgements) {
    const isOld = situation.newestJudged.some((other) => isSame(other, judgement) && other.windowEnd > windowEnd);
    if (isOld) continue;
    const alert = open.find((other) => isSame(other, judgement));
    if (judgement.isOutOfBounds) {
      if (alert) extend.push(alert.id);
      else raise.push(judgement);
    } else if (alert) resolve.push(alert.id);
  }
  for (const alert of open) {
    const isRetired = !situation.versionsInWindow.includes(alert.modelVersion) && windowEnd > alert.lastWindowEnd;
    if (isRetired && judgements.length > 0) resolve.push(alert.id);
  }
  return { raise, extend, resolve };
}

function isSame(a: { kind: AlertKind; modelVersion: string }, b: { kind: AlertKind; modelVersion: string }): boolean {
  return a.kind === b.kind && a.modelVersion === b.modelVersion;
}
