import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { invalidArgument } from '@millrace/kernel';

const validator = createValidator();

/**
 * Checks a message against the protovalidate rules of its proto file. Throws INVALID_ARGUMENT `REQUEST_INVALID` with
 * all violations at once; a rule that cannot be evaluated is a bug and is thrown as it is.
 */
export function validateMessage<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  const result = validator.validate(schema, message);
  if (result.kind === 'valid') return;
  if (result.kind === 'error') throw result.error;
  throw invalidArgument(
    'REQUEST_INVALID',
    result.violations.map((violation) => ({
      field: pathToString(violation.field),
      description: violation.message,
      reason: violation.ruleId.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_'),
    })),
  );
}
