import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AppError } from '@millrace/kernel';

/** The most bytes of one message, in and out, unless told otherwise: 16 MiB. */
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** Bytes a peer may send ahead of being read, per stream: 1 MiB. */
export const FLOW_CONTROL_BYTES = 1024 * 1024;

/** Reads a message. Throws whatever protobuf-es throws for bytes that are none. */
export function decode<D extends DescMessage>(schema: D, bytes: Buffer): MessageShape<D> {
  // A plain view: `bytes` fields then are Uint8Array, not Buffer.
  return fromBinary(schema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** Writes a message, or what one is made of. */
export function encode<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Buffer {
  const bytes = toBinary(schema, create(schema, init));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Gives `bytes` back, or throws RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE`. */
export function checkSize(method: string, bytes: Buffer, bytesMax: number): Buffer {
  if (bytes.length <= bytesMax) return bytes;
  throw new AppError(
    'RESOURCE_EXHAUSTED',
    `A message of ${method} has ${bytes.length} bytes; at most ${bytesMax} may be sent. Send less at a time, or a reference to a blob.`,
    { reason: 'MESSAGE_TOO_LARGE', fields: { method, size_bytes: String(bytes.length), max_bytes: String(bytesMax) } },
  );
}
