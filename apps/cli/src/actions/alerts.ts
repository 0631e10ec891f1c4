import { userInfo } from 'node:os';
import type { Alert } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import { AlertState } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import { plainJson } from '../plain-json.ts';
import { moment } from '../render/format.ts';
import { allPages, dateOf, idOf, nameOf, shortName } from '../resource.ts';
import type { Action } from '../tree/spec.ts';

const STATES: Readonly<Record<string, AlertState>> = {
  open: AlertState.OPEN,
  acknowledged: AlertState.ACKNOWLEDGED,
  resolved: AlertState.RESOLVED,
};

/** `alerts ls`. */
export const listAlerts: Action = async (session, input) => {
  const { monitoring } = await session.client();
  const state = STATES[input.text('state') ?? ''] ?? AlertState.UNSPECIFIED;
  const alerts = await allPages<Alert>(
    async (pageToken, pageSize) => {
      const page = await monitoring.listAlerts({ parent: session.workspace, pageToken, pageSize, state });
      return { items: page.alerts, next: page.nextPageToken };
    },
    input.integer('limit', { default: 50, min: 1, max: 10_000 }),
  );
  const { style } = session;
  const stateText = (alert: Alert) => {
    const text = (AlertState[alert.state] ?? '').toLowerCase();
    return alert.state === AlertState.OPEN
      ? style.bad(text)
      : alert.state === AlertState.RESOLVED
        ? style.good(text)
        : style.warn(text);
  };
  if (session.isJson) session.printJson({ alerts: alerts.map(plainJson) });
  else
    await session.printTable(
      alerts,
      [
        { title: 'ALERT', value: (a) => idOf(a.name), priority: 0, widthMin: 26 },
        { title: 'STATE', value: stateText, priority: 0 },
        { title: 'KIND', value: (a) => a.kind, priority: 1 },
        { title: 'ENDPOINT', value: (a) => idOf(a.endpoint), priority: 2 },
        { title: 'VERSION', value: (a) => shortName(a.modelVersion), priority: 3 },
        { title: 'WINDOW END', value: (a) => moment(dateOf(a.windowEnd)), priority: 3 },
        { title: 'MESSAGE', value: (a) => a.message, priority: 1, widthMin: 30 },
      ],
      'There are no alerts.',
    );
  return 0;
};

/** `alerts ack ALERT`. */
export const acknowledge: Action = async (session, input) => {
  const { monitoring } = await session.client();
  const name = nameOf(session, 'alert', input.argument(0));
  const { alert } = await monitoring.acknowledgeAlert({ name, actor: input.text('actor') ?? userInfo().username });
  if (session.isJson && alert) session.printJson(plainJson(alert));
  else session.print(`Noted: ${alert?.acknowledgedBy} has seen ${idOf(name)}.`);
  return 0;
};
