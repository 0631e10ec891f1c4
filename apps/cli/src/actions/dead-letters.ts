import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { DeadLetter } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { DeadLetterState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionRun } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { plainJson } from '../plain-json.ts';
import { count } from '../render/format.ts';
import { idOf, nameOf, shortName } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action, Input } from '../tree/spec.ts';
import { contractOf, reportVerdict, validateVersion, watchIngestion } from './load-steps.ts';

const STATES: Readonly<Record<string, DeadLetterState>> = {
  open: DeadLetterState.OPEN,
  replayed: DeadLetterState.REPLAYED,
  all: DeadLetterState.UNSPECIFIED,
};

/** `dead-letters ls DATASET`. */
export const listDeadLetters: Action = async (session, input) => {
  const max = input.integer('limit', { default: 20, min: 1, max: 100_000 });
  const letters: DeadLetter[] = [];
  let countByRule: Record<string, bigint> = {};
  let total = 0n;
  for await (const page of pages(session, input, max)) {
    letters.push(...page.deadLetters);
    ({ countByRule, totalSize: total } = page);
  }
  if (session.isJson) {
    const rules = Object.fromEntries(Object.entries(countByRule).map(([rule, n]) => [rule, String(n)]));
    session.printJson({ deadLetters: letters.map(plainJson), totalSize: String(total), countByRule: rules });
    return 0;
  }
  const { style } = session;
  const byRule = Object.entries(countByRule).sort((a, b) => Number(b[1] - a[1]));
  if (byRule.length > 0) {
    await session.printTable(
      byRule,
      [
        { title: 'RULE', value: ([rule]) => rule, priority: 0 },
        { title: 'ROWS', value: ([, rows]) => count(rows), align: 'right', priority: 0 },
      ],
      '',
    );
    session.print('');
  }
  await session.printTable(
    letters,
    [
      { title: 'ID', value: (l) => l.id, priority: 2, widthMin: 16 },
      { title: 'VERSION', value: (l) => shortName(l.datasetVersion), priority: 3 },
      { title: 'RULES', value: (l) => style.warn(l.rules.join(', ')), priority: 0 },
      { title: 'ROW', value: (l) => l.rowJson, priority: 0, widthMin: 24 },
      { title: 'ORIGIN', value: (l) => l.origin, priority: 4 },
      { title: 'ERROR', value: (l) => l.error, priority: 5 },
    ],
    'There are no dead letters.',
  );
  if (letters.length < Number(total))
    session.note(style.dim(`${letters.length} of ${count(total)}; more with --limit.`));
  return 0;
};

/** `dead-letters export DATASET`: one JSON object a line, in the form that `replay --corrections` takes. */
export const exportDeadLetters: Action = async (session, input) => {
  const max = input.integer('limit', { default: 10_000_000, min: 1, max: 10_000_000 });
  for await (const { deadLetters } of pages(session, input, max))
    for (const { id, rowJson, rules, error, origin } of deadLetters)
      session.printJson({ id, row: JSON.parse(rowJson) as unknown, rules, error, origin });
  return 0;
};

/** `dead-letters replay DATASET`: load, judge, publish. */
export const replayDeadLetters: Action = async (session, input) => {
  const dataset = nameOf(session, 'dataset', input.argument(0));
  const corrections = input.text('corrections');
  const { ingestion } = await session.client();
  const contract = await contractOf(session, input.text('contract'), dataset);
  const { ingestionRun } = await ingestion.replayDeadLetters({
    dataset,
    replay: {
      datasetVersion: versionOf(input, dataset),
      rule: input.text('rule') ?? '',
      correctionsPath: corrections === undefined ? '' : resolve(corrections),
      correctedOnly: input.flag('correctedOnly'),
    },
    requestId: randomUUID(),
  });
  const load = await watchIngestion(session, (ingestionRun as IngestionRun).name);
  if (load.datasetVersion === '') {
    if (session.isJson) session.printJson({ ingestionRun: plainJson(load), validationRun: null });
    else session.print(`No dead letters of ${idOf(dataset)} match: nothing was loaded.`);
    return 0;
  }
  return reportVerdict(session, load, await validateVersion(session, load.datasetVersion, contract));
};

/** Dead letters page by page, up to `max`, so that an export of millions needs no memory. */
async function* pages(session: Session, input: Input, max: number) {
  const { ingestion } = await session.client();
  const parent = nameOf(session, 'dataset', input.argument(0));
  let left = max;
  let pageToken = '';
  do {
    const page = await ingestion.listDeadLetters(
      {
        parent,
        pageToken,
        pageSize: Math.min(1000, left),
        rule: input.text('rule') ?? '',
        datasetVersion: versionOf(input, parent),
        state: STATES[input.text('state') ?? 'open'] ?? DeadLetterState.OPEN,
      },
      { signal: session.signal },
    );
    yield page;
    left -= page.deadLetters.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && left > 0);
}

function versionOf(input: Input, dataset: string): string {
  const version = input.text('inVersion');
  if (version === undefined) return '';
  return version.includes('/') ? version : `${dataset}/versions/${version.replace(/^.*@/, '').replace(/^v/, '')}`;
}
