/** A first size that holds the usual answer. */
const BYTES_FIRST = 256;

/** Writes the protobuf wire format into a buffer that grows. */
export class WireWriter {
  #bytes: Buffer = Buffer.allocUnsafe(BYTES_FIRST);
  #at = 0;

  /** What was written. The writer must not be used any more. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** A varint of a whole number from 0 to 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  /** A varint of 64 bits; negative numbers take ten bytes. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    this.#reserve(10);
    while (rest > 127n) {
      this.#bytes[this.#at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** Tag, length and bytes. */
  bytesField(tag: number, bytes: Uint8Array): void {
    this.varint(tag);
    this.varint(bytes.byteLength);
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }

  /** Tag, length and UTF-8. */
  textField(tag: number, text: string): void {
    this.varint(tag);
    const length = Buffer.byteLength(text);
    this.varint(length);
    this.#reserve(length);
    this.#at += this.#bytes.write(text, this.#at, length, 'utf8');
  }

  /** Tag, length and what `write` writes. */
  messageField(tag: number, write: () => void): void {
    this.varint(tag);
    this.#reserve(1);
    const lengthAt = this.#at++;
    write();
    const length = this.#at - lengthAt - 1;
    if (length < 128) {
      this.#bytes[lengthAt] = length;
      return;
    }
    // The length needs more than the one byte kept for it: move the message back.
    let extra = 0;
    for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) extra++;
    this.#reserve(extra);
    this.#bytes.copyWithin(lengthAt + 1 + extra, lengthAt + 1, this.#at);
    this.#at = lengthAt;
    this.varint(length);
    this.#at += length;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + bytes));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}
