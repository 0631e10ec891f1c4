import { AppError } from '@millrace/kernel';

/** An INVALID_ARGUMENT `PREPROCESSING_INVALID` about one step of one column. */
export function invalidStep(column: string, op: string, what: string): AppError {
  return new AppError('INVALID_ARGUMENT', `Step "${op}" of column "${column}" ${what}`, {
    reason: 'PREPROCESSING_INVALID',
    fields: { column, op },
  });
}
