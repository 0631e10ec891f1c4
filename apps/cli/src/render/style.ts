import { styleText } from 'node:util';

/** Colours and weights; each gives the text as it is when colours are off. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  accent(text: string): string;
}

/** Styles for a stream: colours on a terminal only, never with NO_COLOR set (https://no-color.org) or a dumb terminal. */
export function createStyle(isColoured: boolean): Style {
  const paint = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    isColoured && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    good: paint('green'),
    bad: paint('red'),
    warn: paint('yellow'),
    accent: paint('cyan'),
  };
}

/** Whether colours are wanted on a stream. `FORCE_COLOR` turns them on elsewhere. */
export function wantsColour(isTty: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0') return true;
  return isTty && env.TERM !== 'dumb';
}
