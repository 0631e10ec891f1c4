import { invalidArgument } from '@millrace/kernel';
import type { Session } from '../session.ts';

/** What shell completion offers for a value: ids of a kind of resource, or files. */
export type CompletionKind =
  | 'pipeline'
  | 'pipelineRun'
  | 'dataset'
  | 'model'
  | 'endpoint'
  | 'monitor'
  | 'featureService'
  | 'run'
  | 'alert'
  | 'file';

/** One option of a command. */
export interface OptionSpec {
  /** For example `--into <dataset>`; `--param <k=v...>` may be given several times. */
  readonly flags: string;
  readonly about: string;
  readonly choices?: readonly string[];
  readonly complete?: CompletionKind;
}

/** One argument of a command. */
export interface ArgumentSpec {
  /** For example `<pipeline>`, `[sql]` or `<runs...>`. */
  readonly name: string;
  readonly about: string;
  readonly choices?: readonly string[];
  readonly complete?: CompletionKind;
}

/** What a command does; gives the exit code, 0 where it gives none. */
export type Action = (session: Session, input: Input) => Promise<number | undefined>;

/** A command as data: from it come parsing, help and shell completion. */
export interface CommandSpec {
  readonly name: string;
  readonly about: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Command lines without `millrace`, at least one. */
  readonly examples: readonly string[];
  /** Further text of the help. */
  readonly more?: string;
  /** Not shown in help and completion. */
  readonly hidden?: boolean;
  /** Loads the code: it is imported only when the command is run. */
  readonly load: () => Promise<Action>;
}

/** Commands of one subject. */
export interface GroupSpec {
  readonly name: string;
  readonly about: string;
  readonly commands: readonly CommandSpec[];
}

/** The arguments and options that a command was given. */
export class Input {
  readonly #arguments: readonly (string | string[] | undefined)[];
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(given: readonly (string | string[] | undefined)[], options: Readonly<Record<string, unknown>>) {
    this.#arguments = given;
    this.#options = options;
  }

  /** A required argument by position. */
  argument(index: number): string {
    return String(this.#arguments[index] ?? '');
  }

  /** An optional argument; undefined when it was not given. */
  optional(index: number): string | undefined {
    const value = this.#arguments[index];
    return typeof value === 'string' ? value : undefined;
  }

  /** The values of a variadic argument. */
  variadic(index: number): readonly string[] {
    const value = this.#arguments[index];
    return Array.isArray(value) ? value : value === undefined ? [] : [value];
  }

  /** The text of an option; undefined when it was not given. */
  text(name: string): string | undefined {
    const value = this.#options[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Whether a switch is on. */
  flag(name: string): boolean {
    return this.#options[name] === true;
  }

  /** All values of an option that may be given several times. */
  list(name: string): readonly string[] {
    const value = this.#options[name];
    return Array.isArray(value) ? (value as string[]) : [];
  }

  /** A whole number within bounds. Throws INVALID_ARGUMENT `OPTION_INVALID`. */
  integer(name: string, bounds: { default: number; min: number; max: number }): number {
    const text = this.text(name);
    if (text === undefined) return bounds.default;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= bounds.min && value <= bounds.max) return value;
    throw optionInvalid(name, `"${text}" is not a whole number from ${bounds.min} to ${bounds.max}.`);
  }

  /** `name=value` pairs of an option. Throws INVALID_ARGUMENT `OPTION_INVALID`. */
  pairs(name: string): [string, string][] {
    return this.list(name).map((pair) => {
      const at = pair.indexOf('=');
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
      throw optionInvalid(name, `"${pair}" is not of the form name=value.`);
    });
  }

  /** A moment, RFC 3339 or a day. Throws INVALID_ARGUMENT `OPTION_INVALID`. */
  moment(name: string): Date | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const isZoned = /[zZ]$|[+-]\d\d:\d\d$/.test(text) || !text.includes(':');
    const date = new Date(isZoned ? text : `${text.replace(' ', 'T')}Z`);
    if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(date.getTime())) return date;
    throw optionInvalid(name, `"${text}" is not a time. Write it like 2001-04-01 or 2001-04-01T09:30:00Z.`);
  }
}

/** An INVALID_ARGUMENT error for an option by its camel-case name. */
export function optionInvalid(name: string, description: string): Error {
  const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return invalidArgument('OPTION_INVALID', [{ field: flag, reason: 'OPTION_INVALID', description }]);
}
