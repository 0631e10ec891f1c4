import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a running platform can be reached; kept in the data directory so that the CLI finds it. */
export interface Whereabouts {
  readonly pid: number;
  /** `host:port` of the gRPC services. */
  readonly grpcAddress: string;
  /** URL of the HTTP port. */
  readonly httpUrl: string;
  /** RFC 3339. */
  readonly startTime: string;
}

const FILE = 'millrace.json';

/** Writes where the platform is, in one step. */
export async function writeWhereabouts(dataDirectory: string, whereabouts: Whereabouts): Promise<void> {
  const path = join(dataDirectory, FILE);
  await writeFile(`${path}.${process.pid}`, `${JSON.stringify(whereabouts, null, 2)}\n`);
  await rename(`${path}.${process.pid}`, path);
}

/** Where the platform of this data directory runs; undefined when none does. */
export async function readWhereabouts(dataDirectory: string): Promise<Whereabouts | undefined> {
  try {
    const whereabouts = JSON.parse(await readFile(join(dataDirectory, FILE), 'utf8')) as Whereabouts;
    process.kill(whereabouts.pid, 0);
    return whereabouts;
  } catch {
    return undefined;
  }
}

/** Forgets where the platform was. */
export async function removeWhereabouts(dataDirectory: string): Promise<void> {
  await rm(join(dataDirectory, FILE), { force: true });
}
