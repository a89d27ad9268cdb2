/** Digits a segment of type `int` may have: every such number is below 2^63 and prints the same everywhere. */
export const intDigitsMax = 18;

const uuidLength = 36;

/**
 * Whether `path[start, end)` is an ASCII decimal without sign, leading zero, exponent or grouping: the one spelling
 * that no parser reads as another number (`007`, `+7`, `7e0`, `٧` are not).
 */
export function isInt(path: string, start: number, end: number): boolean {
  const length = end - start;
  if (length < 1 || length > intDigitsMax) return false;
  if (length > 1 && path.charCodeAt(start) === 0x30) return false;
  for (let i = start; i < end; i++) {
    const code = path.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

/**
 * Whether `path[start, end)` is a UUID in its text form (RFC 9562 section 4): 8-4-4-4-12 hexadecimal digits, all
 * letters lower or all upper case. A mix is refused: nobody prints one, and it is a third spelling of the same object.
 */
export function isUuid(path: string, start: number, end: number): boolean {
  if (end - start !== uuidLength) return false;
  let lower = false;
  let upper = false;
  for (let i = 0; i < uuidLength; i++) {
    const code = path.charCodeAt(start + i);
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (code !== 0x2d) return false;
    } else if (code >= 0x61 && code <= 0x66) {
      lower = true;
    } else if (code >= 0x41 && code <= 0x46) {
      upper = true;
    } else if (code < 0x30 || code > 0x39) {
      return false;
    }
  }
  return !(lower && upper);
}
