import type { MillraceClient } from '@millrace/client';
import { DeadLetterState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { Delivery } from './delivery.ts';
import { lineKey, rowJson } from './delivery.ts';

/** A dead letter in its right form. */
export interface Correction {
  readonly id: string;
  readonly rowJson: string;
}

const DATASET = 'workspaces/default/datasets/flights';

/** Looks through the open dead letters of a version for lines whose right form is known. */
export async function findCorrections(
  client: MillraceClient,
  datasetVersion: string,
  delivery: Delivery,
): Promise<Correction[]> {
  const corrections: Correction[] = [];
  let pageToken = '';
  do {
    const page = await client.ingestion.listDeadLetters({
      parent: DATASET,
      datasetVersion,
      state: DeadLetterState.OPEN,
      pageSize: 1000,
      pageToken,
    });
    for (const letter of page.deadLetters) {
      const flight = delivery.corrections.get(keyOf(letter.rowJson));
      if (flight) corrections.push({ id: letter.id, rowJson: rowJson(flight) });
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return corrections;
}

/** What a dead letter's line says; lines that could not be read are kept raw. */
function keyOf(json: string): string {
  const row = JSON.parse(json) as Record<string, unknown>;
  return typeof row.raw === 'string' ? row.raw.trim().split(',').join('|') : lineKey(row);
}
