import { decodeEscapes, escapedByte } from "./bytes.ts";

/**
 * Folding: how a Deny rule reads a segment. Wider than an Allow rule, since some applications do not tell letter cases
 * apart or drop dots and blanks at the end of a name. Letters are folded in ASCII only: names of operations are ASCII
 * in practice, a full Unicode table would cost every request, and other letters (`É` and `é`) can be listed in the
 * policy. The four other letters that case mapping turns into ASCII ones (Kelvin sign, long s, dotted and dotless i)
 * are folded, since they would turn `%E2%84%AAeys` into `keys`.
 */
export type FoldedLiteral = string & { readonly folded: true };

/** Folds a literal segment of a template, written plain (`café`) or escaped (`caf%C3%A9`). */
export function foldLiteral(text: string): FoldedLiteral {
  let bytes = "";
  for (const character of text) bytes += utf8(character.codePointAt(0) ?? 0);
  const decoded = decodeEscapes(bytes, 0, bytes.length, false) ?? text;
  let folded = "";
  for (const character of decoded) folded += utf8(foldCodePoint(character.codePointAt(0) ?? 0));
  let end = folded.length;
  while (end > 0 && isDroppedAtEnd(folded.charCodeAt(end - 1))) end--;
  return folded.slice(0, end) as FoldedLiteral;
}

/** True when the segment of a parsed path, folded, equals the literal. Allocates nothing. */
export function foldedEquals(path: string, start: number, end: number, literal: FoldedLiteral): boolean {
  let i = start;
  let matched = 0;
  while (i < end) {
    let byte = path.charCodeAt(i);
    let next = i + 1;
    if (byte === 0x25) {
      const escaped = escapedByte(path, i, end);
      if (escaped >= 0) {
        byte = escaped;
        next = i + 3;
        if (byte === 0xc4 || byte === 0xc5 || byte === 0xe2) {
          const folded = asciiTwin(path, i, end, byte);
          if (folded !== 0) {
            byte = folded;
            next = byteAfter(i, folded);
          }
        }
      }
    }
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (matched === literal.length) {
      if (!isDroppedAtEnd(byte)) return false;
    } else {
      if (literal.charCodeAt(matched) !== byte) return false;
      matched++;
    }
    i = next;
  }
  return matched === literal.length;
}

function isDroppedAtEnd(byte: number): boolean {
  return byte === 0x2e || byte === 0x20 || byte === 0x09;
}

/** The ASCII letter that the escaped letter at `at` is folded to, or 0. */
function asciiTwin(path: string, at: number, end: number, first: number): number {
  const second = escapedByte(path, at + 3, end);
  if (first === 0xc4) return second === 0xb0 || second === 0xb1 ? 0x69 : 0;
  if (first === 0xc5) return second === 0xbf ? 0x73 : 0;
  return second === 0x84 && escapedByte(path, at + 6, end) === 0xaa ? 0x6b : 0;
}

/** Where the text goes on after a letter that `asciiTwin` folded: the Kelvin sign has three bytes, the others two. */
function byteAfter(at: number, twin: number): number {
  return twin === 0x6b ? at + 9 : at + 6;
}

function foldCodePoint(codePoint: number): number {
  if (codePoint >= 0x41 && codePoint <= 0x5a) return codePoint | 0x20;
  if (codePoint === 0x130 || codePoint === 0x131) return 0x69;
  if (codePoint === 0x17f) return 0x73;
  return codePoint === 0x212a ? 0x6b : codePoint;
}

function utf8(codePoint: number): string {
  if (codePoint < 0x80) return String.fromCharCode(codePoint);
  const tail = (shift: number): number => 0x80 | ((codePoint >> shift) & 0x3f);
  if (codePoint < 0x800) return String.fromCharCode(0xc0 | (codePoint >> 6), tail(0));
  if (codePoint < 0x1_0000) return String.fromCharCode(0xe0 | (codePoint >> 12), tail(6), tail(0));
  return String.fromCharCode(0xf0 | (codePoint >> 18), tail(12), tail(6), tail(0));
}
