const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Groups within groups that are skipped, at most. */
const DEPTH_MAX = 32;

/**
 * Reads the protobuf wire format (https://protobuf.dev/programming-guides/encoding/). Every length is checked against
 * the end of the enclosing message; anything malformed throws a RangeError or TypeError.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the next byte is read. */
  at = 0;
  /** Where the current message ends. */
  end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  /** A varint below 2^53 exactly; beyond it the nearest double of its unsigned value. For tags and lengths. */
  varint(): number {
    const first = this.#byte();
    if (first < 128) return first;
    let value = first & 127;
    for (let scale = 128, i = 1; i < 10; i++, scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new RangeError('a varint has more than 10 bytes');
  }

  /** A varint of 64 bits, unsigned. */
  uint64(): bigint {
    let low = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      low |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, low);
    }
    throw new RangeError('a varint has more than 10 bytes');
  }

  /** The low 32 bits of a varint, signed. */
  int32(): number {
    const byte = this.#bytes[this.at]!;
    if (byte < 128 && this.at < this.end) {
      this.at++;
      return byte;
    }
    return Number(BigInt.asIntN(32, this.uint64()));
  }

  /** A signed 64-bit varint as a number: exact within ±2^53. */
  int64Number(): number {
    const byte = this.#bytes[this.at]!;
    if (byte < 128 && this.at < this.end) {
      this.at++;
      return byte;
    }
    return Number(BigInt.asIntN(64, this.uint64()));
  }

  fixed32Float(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  fixed64Float(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** A length-delimited field as a view. */
  bytes(): Uint8Array {
    const length = this.varint();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A string; throws TypeError for bytes that are no UTF-8. */
  text(): string {
    const length = this.varint();
    const start = this.#take(length);
    if (length > 40) return utf8.decode(this.#bytes.subarray(start, start + length));
    let text = '';
    for (let i = start; i < start + length; i++) {
      const byte = this.#bytes[i]!;
      if (byte > 127) return utf8.decode(this.#bytes.subarray(start, start + length));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Enters a length-delimited message; give the result to {@link leave}. */
  enter(): number {
    const length = this.varint();
    const start = this.#take(length);
    const outer = this.end;
    this.at = start;
    this.end = start + length;
    return outer;
  }

  /** Leaves a message entered with {@link enter}, wherever its reading stands. */
  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  /** Skips the value of a field that is not known. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case 0:
        this.varint();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.#take(this.varint());
        return;
      case 5:
        this.#take(4);
        return;
      case 3:
        this.#skipGroup(Math.floor(tag / 8), depth);
        return;
      default:
        throw new RangeError(`wire type ${tag & 7} at byte ${this.at}`);
    }
  }

  /** A tag; throws for field number 0. */
  tag(): number {
    const tag = this.varint();
    if (tag < 8 || tag > 0xffff_ffff) throw new RangeError(`tag ${tag} at byte ${this.at}`);
    return tag;
  }

  #skipGroup(field: number, depth: number): void {
    if (depth >= DEPTH_MAX) throw new RangeError('groups lie too deep');
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) === 4) {
        if (Math.floor(tag / 8) !== field) throw new RangeError('a group ends that has not begun');
        return;
      }
      this.skip(tag, depth + 1);
    }
  }

  #byte(): number {
    if (this.at >= this.end) throw new RangeError('the message ends within a value');
    return this.#bytes[this.at++]!;
  }

  #take(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw new RangeError('the message ends within a value');
    this.at = start + length;
    return start;
  }
}
