// How a path segment is compared with a literal of a template. Two ways: exact, for what a match grants, and wide, for
// what a match refuses. All functions read a range of the path and allocate nothing, except the two that prepare
// literals when a policy is compiled.

const fnvOffset = 0x811c9dc5 | 0;
const fnvPrime = 0x01000193;

/** Value of a hexadecimal digit's char code, or -1. */
export function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** The byte of the escape `%XX` whose percent sign is at `at`, or -1 when it is not a whole escape before `end`. */
export function escapedByte(path: string, at: number, end: number): number {
  if (at + 2 >= end) return -1;
  const high = hexValue(path.charCodeAt(at + 1));
  const low = hexValue(path.charCodeAt(at + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/** Upper case for the two characters after a percent sign; escapes differ only in the case of their digits (RFC 3986 6.2.2.1). */
function upperDigit(code: number): number {
  return code >= 0x61 && code <= 0x66 ? code - 0x20 : code;
}

/** FNV-1a of a segment where `%c3` and `%C3` are one. Finds a candidate; `equalsExact` decides. */
export function hashExact(path: string, start: number, end: number): number {
  let hash = fnvOffset;
  for (let i = start, digits = 0; i < end; i++) {
    let code = path.charCodeAt(i);
    if (digits > 0) {
      digits--;
      code = upperDigit(code);
    } else if (code === 0x25) {
      digits = 2;
    }
    hash = Math.imul(hash ^ code, fnvPrime);
  }
  return hash;
}

/** Whether the segment is the canonical literal, character by character, but for the case of escape digits. */
export function equalsExact(literal: string, path: string, start: number, end: number): boolean {
  if (literal.length !== end - start) return false;
  for (let i = 0, digits = 0; i < literal.length; i++) {
    let code = path.charCodeAt(start + i);
    if (digits > 0) {
      digits--;
      code = upperDigit(code);
    } else if (code === 0x25) {
      digits = 2;
    }
    if (code !== literal.charCodeAt(i)) return false;
  }
  return true;
}

/**
 * End of the segment without the dots and blanks at its end, raw or escaped (`.`, `%2e`, `%20`, `%09`): some servers
 * drop them when they look up a name, so `/admin%20` may reach `/admin`. Equals `start` when nothing else is there.
 */
export function foldedEnd(path: string, start: number, end: number): number {
  let at = end;
  while (at > start) {
    const code = path.charCodeAt(at - 1);
    if (code === 0x2e || code === 0x20 || code === 0x09) {
      at--;
      continue;
    }
    // Only what may end `%2e`, `%20` or `%09` is worth a closer look.
    if (code !== 0x30 && code !== 0x39 && (code | 0x20) !== 0x65) break;
    if (at - 3 < start || path.charCodeAt(at - 3) !== 0x25) break;
    const byte = escapedByte(path, at - 3, at);
    if (byte !== 0x2e && byte !== 0x20 && byte !== 0x09) break;
    at -= 3;
  }
  return at;
}

/** One folded character at `at`: escapes become their byte, ASCII letters lower case. */
function foldedCode(path: string, at: number, end: number): number {
  let code = path.charCodeAt(at);
  if (code === 0x25) {
    const byte = escapedByte(path, at, end);
    if (byte >= 0) code = byte;
  }
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

/** Characters that the folded character at `at` takes up: 3 for an escape, else 1. */
function foldedWidth(path: string, at: number, end: number): number {
  return path.charCodeAt(at) === 0x25 && escapedByte(path, at, end) >= 0 ? 3 : 1;
}

/** FNV-1a of the folded segment; `end` is what `foldedEnd` gave. */
export function hashWide(path: string, start: number, end: number): number {
  let hash = fnvOffset;
  for (let i = start; i < end; i += foldedWidth(path, i, end)) {
    hash = Math.imul(hash ^ foldedCode(path, i, end), fnvPrime);
  }
  return hash;
}

/** Whether the folded segment is the folded literal (see `foldLiteral`); `end` is what `foldedEnd` gave. */
export function equalsWide(folded: string, path: string, start: number, end: number): boolean {
  let i = start;
  for (let k = 0; k < folded.length; k++) {
    if (i >= end || foldedCode(path, i, end) !== folded.charCodeAt(k)) return false;
    i += foldedWidth(path, i, end);
  }
  return i === end;
}

/** The form of a literal that `equalsWide` compares with: one char code per byte, lower case, end trimmed. Compile time only. */
export function foldLiteral(literal: string): string {
  const end = foldedEnd(literal, 0, literal.length);
  let folded = "";
  for (let i = 0; i < end; i += foldedWidth(literal, i, end)) {
    folded += String.fromCharCode(foldedCode(literal, i, end));
  }
  return folded;
}

/** The hash that `hashWide` gives for a segment equal to this folded literal. Compile time only. */
export function hashFolded(folded: string): number {
  let hash = fnvOffset;
  for (let i = 0; i < folded.length; i++) hash = Math.imul(hash ^ folded.charCodeAt(i), fnvPrime);
  return hash;
}
