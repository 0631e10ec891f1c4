import { Code } from '@millrace/contracts/google/rpc/code';
import type { ErrorCode } from '@millrace/kernel';

/** The number on the wire of an error code (https://grpc.io/docs/guides/status-codes/). */
export function codeToNumber(code: ErrorCode): number {
  return Code[code];
}

/** The error code of a number on the wire. UNKNOWN and numbers that gRPC does not define become INTERNAL. */
export function codeFromNumber(number: number): ErrorCode {
  const name = Code[number];
  return name === undefined || name === 'OK' || name === 'UNKNOWN' ? 'INTERNAL' : (name as ErrorCode);
}

/** The name of a status for spans and metrics, `OK` included. */
export function statusName(number: number): string {
  return Code[number] ?? `CODE_${number}`;
}
