import { decodeEscapes, escapedByte, isUnreserved, isWellFormed, leadBits, sequenceLength } from "./bytes.ts";

/** Bytes of path and query together, more than the proxy lets through; a longer target is refused unread. */
export const targetBytesMax = 32_768;

/** Bytes of a path without its query; a longer one is refused as `too-long`. */
export const pathBytesMax = 8_192;

/** Segments of a path; more are refused as `too-many-segments`. */
export const pathSegmentsMax = 256;

/** Why a path is refused: in each case two honest parsers could read it differently. */
export const pathProblems = [
  "not-absolute",
  "too-long",
  "too-many-segments",
  "control-byte",
  "raw-high-byte",
  "illegal-byte",
  "backslash",
  "semicolon",
  "fragment",
  "broken-escape",
  "percent-u",
  "encoded-slash",
  "encoded-backslash",
  "encoded-percent",
  "encoded-control",
  "encoded-dot",
  "encoded-unreserved",
  "dot-segment",
  "empty-segment",
  "trailing-dot",
  "trailing-blank",
  "not-utf8",
  "look-alike",
] as const;
export type PathProblem = (typeof pathProblems)[number];

/** Where `parsePath` writes. Reused from request to request; holds something only after a parse without problem. */
export interface PathView {
  path: string;
  query: string;
  readonly segmentStarts: Int32Array;
  readonly segmentEnds: Int32Array;
  segmentCount: number;
}

export function createPathView(): PathView {
  return {
    path: "",
    query: "",
    segmentStarts: new Int32Array(pathSegmentsMax),
    segmentEnds: new Int32Array(pathSegmentsMax),
    segmentCount: 0,
  };
}

/**
 * Reads `:path` as the proxy forwards it, after its own normalisation: path, segments and query. What is left that an
 * application could resolve in another way is refused, so a parse without problem means that every reader of the path
 * sees these segments. Escapes of unreserved bytes are refused as well: they show that the proxy did not normalise.
 *
 * A slash at the end adds no segment. `/` has none. Nothing is said about the query (see `scanQuery`).
 */
export function parsePath(target: string, into: PathView): PathProblem | undefined {
  const problem = readPath(target, into);
  if (problem !== undefined) {
    // Invariant: nobody can judge what an earlier request left behind.
    into.path = "";
    into.query = "";
    into.segmentCount = 0;
  }
  return problem;
}

/** The text of a segment of a parsed path, escapes decoded. Only for offsets that `parsePath` wrote. */
export function decodeSegment(path: string, start: number, end: number): string {
  // A parsed path always decodes. Were it not so, the raw text matches no decoded value: nothing is allowed by it.
  return decodeEscapes(path, start, end, false) ?? path.slice(start, end);
}

const slash = 0x2f;
const percent = 0x25;
const dot = 0x2e;
const question = 0x3f;

function readPath(target: string, into: PathView): PathProblem | undefined {
  const length = target.length;
  if (length === 0 || target.charCodeAt(0) !== slash) return "not-absolute";
  if (length > targetBytesMax) return "too-long";
  const { segmentStarts, segmentEnds } = into;
  let count = 0;
  let start = 1;
  /** End of the part of the segment before the dots and blanks at its end. */
  let solidEnd = 1;
  let i = 1;
  for (;;) {
    let code = i < length ? target.charCodeAt(i) : question;
    if (byteKinds[code] === plain) {
      do code = ++i < length ? target.charCodeAt(i) : question;
      while (byteKinds[code] === plain);
      solidEnd = i;
    }
    if (code === slash || code === question) {
      if (i > pathBytesMax) return "too-long";
      if (i > start) {
        if (solidEnd !== i) return endProblem(target, start, i);
        if (count === pathSegmentsMax) return "too-many-segments";
        segmentStarts[count] = start;
        segmentEnds[count] = i;
        count++;
      } else if (code === slash) {
        return "empty-segment";
      }
      if (code === question) break;
      i++;
      start = i;
      solidEnd = i;
    } else if (code === percent) {
      const byte = escapedByte(target, i, length);
      if (byte < 0x80) {
        const problem = problemOfEscape(byte, target.charCodeAt(i + 1));
        if (problem !== undefined) return problem;
        i += 3;
        if (byte !== 0x20) solidEnd = i;
      } else {
        const codePoint = escapedCodePoint(target, i, length, byte);
        if (codePoint < 0) return "not-utf8";
        if (codePoint < 0xa0) return "encoded-control";
        if (isLookAlike(codePoint)) return "look-alike";
        i += 3 * sequenceLength(byte);
        if (!isBlank(codePoint)) solidEnd = i;
      }
    } else {
      if (code !== dot) return problemOfByte(code);
      i++;
    }
  }
  into.segmentCount = count;
  if (i === length) {
    into.path = target;
    into.query = "";
  } else {
    into.path = target.slice(0, i);
    into.query = target.slice(i + 1);
  }
  return undefined;
}

const plain = 1;
/** Bytes of `pchar` (RFC 3986 3.3) that say nothing but themselves: all but `.`, which is watched, and `;`. */
const byteKinds = new Uint8Array(256);
for (const legal of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&'()*+,=:@") {
  byteKinds[legal.charCodeAt(0)] = plain;
}

function problemOfByte(code: number): PathProblem {
  if (code > 0x7f) return "raw-high-byte";
  if (code < 0x20 || code === 0x7f) return "control-byte";
  if (code === 0x5c) return "backslash";
  if (code === 0x3b) return "semicolon"; // servlet containers cut `;x` from each segment
  if (code === 0x23) return "fragment";
  return "illegal-byte"; // space, quotes and brackets: RFC 3986 wants them escaped, the proxy escapes them
}

function problemOfEscape(byte: number, next: number): PathProblem | undefined {
  if (byte < 0) return (next | 0x20) === 0x75 ? "percent-u" : "broken-escape";
  if (byte < 0x20 || byte === 0x7f) return "encoded-control";
  if (byte === slash) return "encoded-slash";
  if (byte === 0x5c) return "encoded-backslash";
  if (byte === percent) return "encoded-percent"; // whoever decodes twice reads something else
  if (byte === 0x3b) return "semicolon";
  if (byte === dot) return "encoded-dot";
  return isUnreserved(byte) ? "encoded-unreserved" : undefined;
}

/** What is wrong with a segment that ends in dots or blanks: some servers (Windows file names) drop them. */
function endProblem(target: string, start: number, end: number): PathProblem {
  if (target.charCodeAt(end - 1) !== dot) return "trailing-blank";
  const isDotSegment = end - start === 1 || (end - start === 2 && target.charCodeAt(start) === dot);
  return isDotSegment ? "dot-segment" : "trailing-dot";
}

/** The code point of a run of escapes that starts with the byte `first`, or -1 when it is not UTF-8 (RFC 3629). */
function escapedCodePoint(text: string, at: number, end: number, first: number): number {
  const length = sequenceLength(first);
  if (length === 0) return -1;
  let codePoint = leadBits(first, length);
  for (let k = 1; k < length; k++) {
    const byte = escapedByte(text, at + 3 * k, end);
    if (byte < 0 || (byte & 0xc0) !== 0x80) return -1;
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  return isWellFormed(codePoint, length) ? codePoint : -1;
}

/**
 * Characters that compatibility normalisation (NFKC) or a best-fit code page turns into `/`, `\`, `.`, `%` or `;`, or
 * into text with one of them.
 */
function isLookAlike(codePoint: number): boolean {
  switch (codePoint) {
    case 0x037e: // Greek question mark, canonically a semicolon
    case 0x2024: // one dot leader
    case 0x2025: // two dot leader
    case 0x2026: // ellipsis
    case 0x2044: // fraction slash
    case 0x2100: // a/c
    case 0x2101: // a/s
    case 0x2105: // c/o
    case 0x2106: // c/u
    case 0x2215: // division slash
    case 0x2216: // set minus
    case 0x29f5: // reverse solidus operator
    case 0x29f8: // big solidus
    case 0x29f9: // big reverse solidus
    case 0xfe14: // vertical semicolon
    case 0xfe19: // vertical ellipsis
    case 0xfe30: // vertical two dot leader
    case 0xfe52: // small full stop
    case 0xfe54: // small semicolon
    case 0xfe68: // small reverse solidus
    case 0xfe6a: // small percent
    case 0xff05: // fullwidth percent
    case 0xff0e: // fullwidth full stop
    case 0xff0f: // fullwidth solidus
    case 0xff1b: // fullwidth semicolon
    case 0xff3c: // fullwidth reverse solidus
      return true;
    default:
      return false;
  }
}

/** Unicode White_Space and the byte order mark: what a trimming server cuts from the end. */
function isBlank(codePoint: number): boolean {
  return (
    codePoint === 0xa0 ||
    codePoint === 0x1680 ||
    (codePoint >= 0x2000 && codePoint <= 0x200a) ||
    codePoint === 0x2028 ||
    codePoint === 0x2029 ||
    codePoint === 0x202f ||
    codePoint === 0x205f ||
    codePoint === 0x3000 ||
    codePoint === 0xfeff
  );
}
