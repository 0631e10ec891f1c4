import type { MillraceClient } from '@millrace/client';
import { resourcesOf, untilEnded } from '@millrace/client';
import type { Flight } from './flights.ts';

const WORKSPACE = 'workspaces/default';
const DATASET = `${WORKSPACE}/datasets/june-archive`;
/** Flights of two weeks, at most. */
const ROWS_MAX = 1_000_000n;

/**
 * Flights of the first half of June as they are right, out of a dataset of their own, `june-archive`: what the broken
 * deliveries are made of, while `flights` does not have them yet.
 */
export async function archivedFlights(client: MillraceClient, start: string, end: string): Promise<Flight[]> {
  await loadArchive(client);
  const sql = `select strftime(date, '%Y-%m-%d %H:%M:%S'), delay, distance, origin, destination from archive
    where date >= timestamp '${start}' and date < timestamp '${end}' order by all`;
  const flights: Flight[] = [];
  for await (const chunk of client.ingestion.queryDatasets({
    parent: WORKSPACE,
    sql,
    datasets: { archive: DATASET },
    rowsMax: ROWS_MAX,
  }))
    for (const row of chunk.rowsJson) {
      const [date, delay, distance, origin, destination] = JSON.parse(row) as [string, number, number, string, string];
      flights.push({ date, delay: Number(delay), distance: Number(distance), origin, destination });
    }
  return flights;
}

async function loadArchive(client: MillraceClient): Promise<void> {
  await client.ingestion.updateDataset({
    dataset: { name: DATASET, description: 'Flights of June 1 to 14, as they are right.' },
    allowMissing: true,
  });
  const { ingestionRun } = await client.ingestion.createIngestionRun({
    parent: WORKSPACE,
    spec: {
      source: `${WORKSPACE}/sources/flights-file`,
      dataset: DATASET,
      cursor: { column: 'date', start: '2001-06-01T00:00:00Z', end: '2001-06-15T00:00:00Z' },
    },
    requestId: 'demo-archive',
  });
  const name = ingestionRun?.name ?? '';
  const { datasetVersion } = await untilEnded(
    resourcesOf(client.ingestion.watchIngestionRun({ name }), ({ ingestionRun }) => ingestionRun),
  );
  const { validationRun } = await client.validation.createValidationRun({
    parent: WORKSPACE,
    datasetVersion,
    requestId: 'demo-archive-validation',
  });
  const validation = validationRun?.name ?? '';
  await untilEnded(
    resourcesOf(client.validation.watchValidationRun({ name: validation }), ({ validationRun }) => validationRun),
  );
}
