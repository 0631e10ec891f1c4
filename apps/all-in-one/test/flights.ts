import { join, resolve } from 'node:path';
import { createDirectoryBlobs } from '@millrace/blobs';
import { createTableEngine, quoteLiteral } from '@millrace/tables';

/** The root of the repository. */
export const ROOT = resolve(import.meta.dirname, '../../..');

/** The flights that the example learns from. */
const FLIGHTS = join(ROOT, 'node_modules/vega-datasets/data/flights-3m.parquet');

/** Rows of the cut. */
export const CUT_ROWS = 100_000;

/**
 * Writes `CUT_ROWS` of the 3,000,000 flights as Parquet, chosen by hash and kept in order of time; gives the file's path.
 * The same rows each time.
 */
export async function writeCut(directory: string): Promise<string> {
  const path = join(directory, 'cut.parquet');
  const tables = await createTableEngine({
    blobs: await createDirectoryBlobs({ directory: join(directory, 'cut-blobs') }),
    temporaryDirectory: join(directory, 'cut-scratch'),
    memoryMib: 512,
    threads: 2,
  });
  try {
    await tables.withConnection((connection) =>
      connection.run(
        `COPY (SELECT * FROM (
           SELECT * FROM read_parquet(${quoteLiteral(FLIGHTS)})
           ORDER BY hash(date, delay, distance, origin, destination, 7) LIMIT ${CUT_ROWS})
         ORDER BY date, origin, destination, delay, distance) TO ${quoteLiteral(path)} (FORMAT parquet)`,
      ),
    );
  } finally {
    await tables.close();
  }
  return path;
}
