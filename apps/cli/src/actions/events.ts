import { AppError } from '@millrace/kernel';
import { details } from '../render/details.ts';
import { count } from '../render/format.ts';
import type { Action } from '../tree/spec.ts';
import { readEventFigures } from './event-figures.ts';

/** `events stats`. */
export const eventStats: Action = async (session) => {
  const { httpUrl } = await session.platform();
  if (httpUrl === undefined)
    throw new AppError(
      'FAILED_PRECONDITION',
      'Events are told by the HTTP port, which is found through the data directory. Give --dir instead of --address.',
      {
        reason: 'HTTP_URL_UNKNOWN',
      },
    );
  const figures = await readEventFigures(httpUrl);
  if (!figures)
    throw new AppError('UNAVAILABLE', `${httpUrl}/metrics does not answer.`, {
      reason: 'SERVER_UNREACHABLE',
      fields: { httpUrl },
    });
  if (session.isJson) {
    session.printJson(figures);
    return 0;
  }
  const { style } = session;
  session.print(
    details(
      [
        ['published', `${count(figures.published)} since the platform started`],
        ['lag', `${count(figures.lag)} not yet consumed`],
      ],
      { width: session.width, name: style.dim },
    ),
  );
  session.print('');
  await session.printTable(
    figures.consumers,
    [
      { title: 'CONSUMER', value: (c) => c.consumer, priority: 0 },
      { title: 'CONSUMED', value: (c) => count(c.consumed), align: 'right', priority: 0 },
      { title: 'LAG', value: (c) => (c.lag > 0 ? style.warn(count(c.lag)) : '0'), align: 'right', priority: 0 },
    ],
    'Nothing has been consumed yet.',
  );
  return 0;
};
