/** Thrown for bytes that are not the protobuf message they should be. The handler turns it into an error verdict. */
export class WireError extends Error {
  readonly code = "check-unreadable";

  constructor(message: string) {
    super(message);
    this.name = "WireError";
  }
}

/**
 * Reads protobuf wire format in place (protobuf.dev, Encoding): offsets only, nothing is copied. One cursor is reused
 * for every message. A length that leaves its message throws, so a cut or forged message is never half understood.
 */
export class Cursor {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;

  /** The next number, up to 2^53; a longer one throws. */
  varint(end: number): number {
    const { bytes } = this;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      if (this.at >= end) throw new WireError("a number is cut");
      const byte = bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw new WireError("a number is too long");
  }

  /** Reads a length and gives where the field ends; `at` is then where it starts. */
  length(end: number): number {
    // Nearly every length of a Check is below 128.
    const first = this.at < end ? this.bytes[this.at]! : 0x80;
    let size: number;
    if (first < 0x80) {
      this.at++;
      size = first;
    } else {
      size = this.varint(end);
    }
    const stop = this.at + size;
    if (stop > end) throw new WireError("a field leaves its message");
    return stop;
  }

  /** Steps over a field of this wire type. Groups are not used by anything that we read. */
  skip(wireType: number, end: number): void {
    switch (wireType) {
      case 0:
        while (this.at < end && this.bytes[this.at]! >= 0x80) this.at++;
        this.at++;
        break;
      case 1:
        this.at += 8;
        break;
      case 2:
        this.at = this.length(end);
        break;
      case 5:
        this.at += 4;
        break;
      default:
        throw new WireError("a field has an unknown wire type");
    }
    if (this.at > end) throw new WireError("a field leaves its message");
  }
}

/** Field number and wire type as they stand before a length-delimited field. */
export function delimited(field: number): number {
  return (field << 3) | 2;
}
