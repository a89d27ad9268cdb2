/**
 * Byte strings: text from the wire is a JS string whose char codes are the bytes 0 to 255, so that nothing is decoded
 * before it is judged. Helpers here work on char codes only.
 */

/** The value of an ASCII hex digit, or -1. */
export function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  if (lower >= 0x61 && lower <= 0x66) return lower - 0x57;
  return -1;
}

/** The byte that the escape `%XX` at `at` stands for, or -1 when there is no whole escape before `end`. */
export function escapedByte(text: string, at: number, end: number): number {
  if (at + 2 >= end || text.charCodeAt(at) !== 0x25) return -1;
  const high = hexValue(text.charCodeAt(at + 1));
  const low = hexValue(text.charCodeAt(at + 2));
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}

/** RFC 3986 2.3: bytes that mean the same escaped or not, so that a normaliser always unescapes them. */
export function isUnreserved(code: number): boolean {
  const lower = code | 0x20;
  return (
    (lower >= 0x61 && lower <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f ||
    code === 0x7e
  );
}

/** How many bytes the UTF-8 sequence with this first byte has (RFC 3629), or 0 when no sequence starts so. */
export function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0; // continuation bytes, and the overlong leads C0 and C1
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

/** True for a code point that its UTF-8 sequence of this length may stand for: shortest form, no surrogate, in range. */
export function isWellFormed(codePoint: number, length: number): boolean {
  if (length === 2) return codePoint >= 0x80;
  if (length === 3) return codePoint >= 0x800 && (codePoint < 0xd800 || codePoint > 0xdfff);
  return codePoint >= 0x1_0000 && codePoint <= 0x10_ffff;
}

/** The payload bits of the first byte of a sequence of this length. */
export function leadBits(first: number, length: number): number {
  return first & (0xff >> (length + 1));
}

/** Percent-decodes text and reads the bytes as UTF-8. Undefined when an escape is broken or the bytes are not UTF-8. */
export function decodeEscapes(text: string, start: number, end: number, plusIsSpace: boolean): string | undefined {
  let decoded = "";
  let run = start;
  let i = start;
  while (i < end) {
    const code = text.charCodeAt(i);
    if (code < 0x80 && code !== 0x25 && !(plusIsSpace && code === 0x2b)) {
      i++;
      continue;
    }
    decoded += text.slice(run, i);
    if (code === 0x2b) {
      decoded += " ";
      i++;
      run = i;
      continue;
    }
    let codePoint = 0;
    let length = 1;
    for (let k = 0; k < length; k++) {
      const raw = i < end ? text.charCodeAt(i) : 0x100;
      const byte = raw === 0x25 ? escapedByte(text, i, end) : raw;
      if (byte < 0 || byte > 0xff) return undefined;
      i += raw === 0x25 ? 3 : 1;
      if (k === 0) {
        length = sequenceLength(byte);
        if (length === 0) return undefined;
        codePoint = length === 1 ? byte : leadBits(byte, length);
      } else {
        if ((byte & 0xc0) !== 0x80) return undefined;
        codePoint = (codePoint << 6) | (byte & 0x3f);
      }
    }
    if (length > 1 && !isWellFormed(codePoint, length)) return undefined;
    decoded += String.fromCodePoint(codePoint);
    run = i;
  }
  return run === start ? text.slice(start, end) : decoded + text.slice(run, end);
}
