import { invalidArgument } from '@millrace/kernel';
import type { LetterKey } from '../store/deadLetters.ts';

/** The id of a dead letter: `l12-5` is the fifth row that the load of version 12 put aside, `v12-5` the fifth of its validation. */
export function letterId({ stage, version, row }: LetterKey): string {
  return `${stage}${version}-${row}`;
}

/** Takes an id apart; throws INVALID_ARGUMENT `DEAD_LETTER_ID_INVALID` naming `field`. */
export function parseLetterId(id: string, field: string): LetterKey {
  const match = /^([lv])([1-9]\d{0,8})-([1-9]\d{0,14})$/.exec(id);
  if (match) return { stage: match[1] as 'l' | 'v', version: Number(match[2]), row: Number(match[3]) };
  throw invalidArgument('DEAD_LETTER_ID_INVALID', [
    {
      field,
      reason: 'DEAD_LETTER_ID_INVALID',
      description: `${JSON.stringify(id.slice(0, 40))} is not the id of a dead letter, such as "l12-5". Take ids from ListDeadLetters.`,
    },
  ]);
}
