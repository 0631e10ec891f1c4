/** Text that is already safe HTML or SVG. Only `html` and `trusted` make it, so a plain string can never be taken for it. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: markup goes in as it is, text and numbers are escaped, nothing at all becomes nothing. */
export type Content = Markup | string | number | null | undefined | false | readonly Content[];

/** Template tag that escapes every value which is not itself `Markup`; safe in text and in quoted attribute values. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let text = strings[0] ?? '';
  values.forEach((value, index) => {
    text += flatten(value) + (strings[index + 1] ?? '');
  });
  return new Markup(text);
}

/** Declares a constant of this program (a style sheet, a script) to be markup. Never call it with data. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

/** Nothing. */
export const NOTHING = new Markup('');

/**
 * Escapes text for HTML text and quoted attributes. Control characters, lone surrogates and characters that turn the
 * direction of writing are shown as U+FFFD, so that a hostile name cannot break the page or disguise itself.
 */
export function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(UNSHOWABLE, '\uFFFD')
    .replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Shortens a text to at most `charactersMax` characters, an ellipsis included. */
export function clip(text: string, charactersMax: number): string {
  const characters = [...text.slice(0, charactersMax * 2 + 2)];
  return characters.length <= charactersMax && text.length <= charactersMax * 2
    ? text
    : `${characters.slice(0, charactersMax - 1).join('')}…`;
}

const UNSHOWABLE = /[\u202A-\u202E\u2066-\u2069]|(?![\t\n])\p{Cc}/gu;

function flatten(value: Content): string {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(flatten).join('');
  if (value === null || value === undefined || value === false) return '';
  return escapeText(String(value));
}
