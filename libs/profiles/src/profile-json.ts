import { canonicalJson, invalidArgument } from '@millrace/kernel';
import { profileFormatVersion, type TableProfile } from './model.ts';

/** The canonical JSON text of a profile: equal profiles have equal texts, whatever built them. */
export function profileToJson(profile: TableProfile): string {
  return canonicalJson(profile);
}

/** Reads a profile's JSON text. Throws INVALID_ARGUMENT (`BAD_PROFILE`) when it is none or of another version. */
export function profileFromJson(text: string): TableProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidArgument('BAD_PROFILE', [{ field: 'profile', description: 'is no JSON text' }], cause);
  }
  const profile = value as Partial<TableProfile> | null;
  if (typeof profile !== 'object' || profile === null || profile.version !== profileFormatVersion) {
    throw invalidArgument('BAD_PROFILE', [
      {
        field: 'version',
        description: `must be ${profileFormatVersion}, is ${profile?.version}; profile the data again`,
      },
    ]);
  }
  if (typeof profile.rows !== 'number' || !Array.isArray(profile.columns)) {
    throw invalidArgument('BAD_PROFILE', [{ field: 'columns', description: 'rows or columns are missing' }]);
  }
  return profile as TableProfile;
}
