import { allInOneConfigSchema } from '@millrace/all-in-one/config';
import { describe } from '@millrace/config';
import type { OptionSpec } from '../tree/spec.ts';

/** The data directory has an option of its own that all commands share: `--dir`. */
const DATA_DIRECTORY = 'MILLRACE__DATA_DIRECTORY';

/** A setting of the platform as an option. */
export interface SettingOption extends OptionSpec {
  /** Key of the option among those that were given, in camel case. */
  readonly key: string;
  /** Environment variable of the same setting; the option goes before it. */
  readonly variable: string;
}

/** The settings of the single process as options: `MILLRACE__GATEWAY__PORT` is `--gateway-port <integer>`. */
export function settingOptions(): SettingOption[] {
  return describe(allInOneConfigSchema)
    .map((row) => ({ ...row, variable: row.variable.split(', ')[0] as string }))
    .filter(({ variable }) => variable !== DATA_DIRECTORY)
    .map(({ variable, type, meaning, default: fallback }) => {
      const words = variable.replace('MILLRACE__', '').toLowerCase().split(/_+/);
      const value = type.includes('|') ? type.split(' | ') : undefined;
      return {
        key: words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join(''),
        variable,
        flags: `--${words.join('-')} <${value ? 'level' : type}>`,
        about: `${meaning}${fallback && fallback !== 'required' ? ` (default: ${fallback})` : ''} [${variable}]`,
        ...(value && { choices: value }),
      };
    });
}
