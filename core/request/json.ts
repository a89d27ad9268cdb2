import { hexValue, isWellFormed, leadBits, sequenceLength } from "./bytes.ts";

/** How much JSON is read. */
export interface JsonLimits {
  readonly bytesMax: number;
  /** Arrays and objects inside each other; at most `jsonDepthCeiling`. */
  readonly depthMax: number;
  /** Object keys in the whole document: bounds the memory that finding duplicates takes. */
  readonly keysMax: number;
}

/** The deepest nesting that any limit can allow: the reader is recursive and must not exhaust its stack. */
export const jsonDepthCeiling = 512;

/** Bytes of a key as written; a longer one is refused. Bounds the normalisation of keys. */
export const jsonKeyBytesMax = 1_024;

/** Bytes of a number as written; a longer one is refused. */
export const jsonNumberBytesMax = 128;

/** Limits where the policy says nothing else. */
export const jsonLimits: JsonLimits = Object.freeze({ bytesMax: 1_048_576, depthMax: 64, keysMax: 10_000 });

/** Why a body is refused as JSON. */
export const jsonProblems = [
  "too-large",
  "too-deep",
  "too-many-keys",
  "key-too-long",
  "number-too-long",
  "number-range",
  "duplicate-key",
  "not-utf8",
  "byte-order-mark",
  "lone-surrogate",
  "bad-escape",
  "control-byte",
  "bad-number",
  "unexpected-byte",
  "unexpected-end",
  "trailing-data",
] as const;
export type JsonProblem = (typeof jsonProblems)[number];

/** An object as a map: no prototype, so `__proto__` and `constructor` are keys like any other. Keys keep their order. */
export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

export type ParsedJson = { readonly value: JsonValue } | { readonly problem: JsonProblem };

/**
 * Says what is wrong with a JSON text (RFC 8259), or undefined when every parser reads the same value from it. Beyond
 * the grammar this refuses what parsers are known to disagree on: duplicate keys (compared after escapes, and after
 * NFC, in which two spellings of one letter meet), lone surrogates, a byte order mark, numbers that a double cannot
 * hold. `-0` is accepted as 0: both compare equal everywhere.
 */
export function scanJson(bytes: Uint8Array, limits: JsonLimits = jsonLimits): JsonProblem | undefined {
  const result = new Reader(bytes, limits, false).read();
  return "problem" in result ? result.problem : undefined;
}

/** Reads a JSON text as strictly as `scanJson` and gives its value. */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = jsonLimits): ParsedJson {
  return new Reader(bytes, limits, true).read();
}

const endOfInput = -1;

/**
 * Recursive descent without exceptions: the first problem is kept in `problem`, and whoever sees it returns at once.
 * When `keep` is false no value is built; keys are decoded all the same, to be compared.
 */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #limits: JsonLimits;
  readonly #depthMax: number;
  readonly #keep: boolean;
  #at = 0;
  #depth = 0;
  #keys = 0;
  #problem: JsonProblem | undefined = undefined;

  constructor(bytes: Uint8Array, limits: JsonLimits, keep: boolean) {
    this.#bytes = bytes;
    this.#limits = limits;
    this.#depthMax = Math.min(limits.depthMax, jsonDepthCeiling);
    this.#keep = keep;
  }

  read(): ParsedJson {
    const bytes = this.#bytes;
    if (bytes.length > this.#limits.bytesMax) return { problem: "too-large" };
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { problem: "byte-order-mark" };
    const value = this.#value();
    if (this.#problem === undefined && this.#peek() !== endOfInput) this.#refuse("trailing-data");
    return this.#problem === undefined ? { value } : { problem: this.#problem };
  }

  #refuse(problem: JsonProblem): null {
    this.#problem ??= problem;
    return null;
  }

  /** What is wrong where another byte was needed. */
  #refuseByte(): null {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) return this.#refuse("unexpected-end");
    return this.#refuse("unexpected-byte");
  }

  /** The next byte after blanks, not consumed. */
  #peek(): number {
    const bytes = this.#bytes;
    for (;;) {
      const byte = bytes[this.#at];
      if (byte === undefined) return endOfInput;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.#at++;
    }
  }

  #value(): JsonValue {
    switch (this.#peek()) {
      case 0x7b:
        return this.#object();
      case 0x5b:
        return this.#array();
      case 0x22:
        return this.#string(this.#keep, this.#bytes.length);
      case 0x74:
        return this.#word("true", true);
      case 0x66:
        return this.#word("false", false);
      case 0x6e:
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #word<T extends boolean | null>(word: string, value: T): T | null {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.#at] !== word.charCodeAt(i)) return this.#refuseByte();
      this.#at++;
    }
    return value;
  }

  /** Steps into an array or object; false when that is one too many. */
  #enter(): boolean {
    this.#at++;
    if (++this.#depth <= this.#depthMax) return true;
    this.#refuse("too-deep");
    return false;
  }

  #array(): JsonValue {
    const items: JsonValue[] = [];
    if (!this.#enter()) return null;
    if (this.#peek() !== 0x5d) {
      for (;;) {
        const item = this.#value();
        if (this.#problem !== undefined) return null;
        if (this.#keep) items.push(item);
        if (this.#peek() !== 0x2c) break;
        this.#at++;
      }
    }
    if (this.#peek() !== 0x5d) return this.#refuseByte();
    this.#at++;
    this.#depth--;
    return items;
  }

  #object(): JsonValue {
    const members = new Map<string, JsonValue>();
    /** Keys with other letters than ASCII, in NFC. */
    let normalised: Set<string> | undefined;
    if (!this.#enter()) return null;
    if (this.#peek() !== 0x7d) {
      for (;;) {
        if (this.#peek() !== 0x22) return this.#refuseByte();
        if (++this.#keys > this.#limits.keysMax) return this.#refuse("too-many-keys");
        const key = this.#string(true, this.#at + jsonKeyBytesMax + 2);
        if (this.#problem !== undefined) return null;
        if (members.has(key)) return this.#refuse("duplicate-key");
        if (isAscii(key)) {
          if (normalised?.has(key) === true) return this.#refuse("duplicate-key");
        } else {
          // Some letters normalise to ASCII (the Kelvin sign to `K`), so the two kinds of keys can meet.
          const form = key.normalize("NFC");
          if (members.has(form) || normalised?.has(form) === true) return this.#refuse("duplicate-key");
          normalised ??= new Set();
          normalised.add(form);
        }
        if (this.#peek() !== 0x3a) return this.#refuseByte();
        this.#at++;
        const value = this.#value();
        if (this.#problem !== undefined) return null;
        members.set(key, this.#keep ? value : null);
        if (this.#peek() !== 0x2c) break;
        this.#at++;
      }
    }
    if (this.#peek() !== 0x7d) return this.#refuseByte();
    this.#at++;
    this.#depth--;
    return members;
  }

  /** Reads the string that starts at `#at`; its closing quote must come before `limit`. */
  #string(keep: boolean, limit: number): string {
    const bytes = this.#bytes;
    let text = "";
    let i = this.#at + 1;
    let run = i;
    for (;;) {
      const byte = bytes[i];
      if (byte === undefined) return this.#refuseText("unexpected-end");
      if (i >= limit) return this.#refuseText("key-too-long");
      if (byte === 0x22) break;
      if (byte >= 0x20 && byte < 0x80 && byte !== 0x5c) {
        i++;
        continue;
      }
      if (byte < 0x20) return this.#refuseText("control-byte");
      if (keep) text += this.#ascii(run, i);
      if (byte === 0x5c) {
        const codePoint = this.#escape(i);
        if (codePoint < 0) return "";
        if (keep) text += String.fromCodePoint(codePoint);
        i += bytes[i + 1] !== 0x75 ? 2 : codePoint > 0xffff ? 12 : 6;
      } else {
        const length = sequenceLength(byte);
        const codePoint = length === 0 ? -1 : this.#sequence(i, length, byte);
        if (codePoint < 0) return this.#refuseText("not-utf8");
        if (keep) text += String.fromCodePoint(codePoint);
        i += length;
      }
      run = i;
    }
    this.#at = i + 1;
    return keep ? text + this.#ascii(run, i) : "";
  }

  #refuseText(problem: JsonProblem): string {
    this.#refuse(problem);
    return "";
  }

  /** ASCII bytes as text, eight at a time: three times as fast as spreading them for texts of usual length. */
  #ascii(start: number, end: number): string {
    const bytes = this.#bytes;
    let text = "";
    let i = start;
    for (; i + 8 <= end; i += 8) {
      text += String.fromCharCode(
        bytes[i] ?? 0,
        bytes[i + 1] ?? 0,
        bytes[i + 2] ?? 0,
        bytes[i + 3] ?? 0,
        bytes[i + 4] ?? 0,
        bytes[i + 5] ?? 0,
        bytes[i + 6] ?? 0,
        bytes[i + 7] ?? 0,
      );
    }
    for (; i < end; i++) text += String.fromCharCode(bytes[i] ?? 0);
    return text;
  }

  #sequence(at: number, length: number, first: number): number {
    let codePoint = leadBits(first, length);
    for (let k = 1; k < length; k++) {
      const byte = this.#bytes[at + k] ?? 0;
      if ((byte & 0xc0) !== 0x80) return -1;
      codePoint = (codePoint << 6) | (byte & 0x3f);
    }
    return isWellFormed(codePoint, length) ? codePoint : -1;
  }

  /** The code point of the escape whose backslash is at `at`, or -1 with the problem kept. */
  #escape(at: number): number {
    switch (this.#bytes[at + 1]) {
      case 0x22:
        return 0x22;
      case 0x5c:
        return 0x5c;
      case 0x2f:
        return 0x2f;
      case 0x62:
        return 0x08;
      case 0x66:
        return 0x0c;
      case 0x6e:
        return 0x0a;
      case 0x72:
        return 0x0d;
      case 0x74:
        return 0x09;
      case 0x75:
        break;
      case undefined:
        this.#refuse("unexpected-end");
        return -1;
      default:
        this.#refuse("bad-escape");
        return -1;
    }
    const unit = this.#unit(at + 2);
    if (unit < 0) {
      this.#refuse("bad-escape");
      return -1;
    }
    if (unit < 0xd800 || unit > 0xdfff) return unit;
    const isPair = unit < 0xdc00 && this.#bytes[at + 6] === 0x5c && this.#bytes[at + 7] === 0x75;
    const low = isPair ? this.#unit(at + 8) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
      this.#refuse("lone-surrogate");
      return -1;
    }
    return 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }

  /** Four hex digits, or -1. */
  #unit(at: number): number {
    let unit = 0;
    for (let i = at; i < at + 4; i++) {
      const digit = hexValue(this.#bytes[i] ?? 0);
      if (digit < 0) return -1;
      unit = unit * 16 + digit;
    }
    return unit;
  }

  #number(): number | null {
    const bytes = this.#bytes;
    const start = this.#at;
    let i = start;
    if (bytes[i] === 0x2d) i++;
    const whole = i;
    i = this.#digits(i);
    if (i === whole) {
      this.#at = i;
      return i === start ? this.#refuseByte() : this.#refuse("bad-number");
    }
    if (bytes[whole] === 0x30 && i > whole + 1) return this.#refuse("bad-number");
    let isInteger = true;
    if (bytes[i] === 0x2e) {
      isInteger = false;
      const fraction = ++i;
      i = this.#digits(i);
      if (i === fraction) return this.#refuse("bad-number");
    }
    const mantissaEnd = i;
    if (bytes[i] === 0x65 || bytes[i] === 0x45) {
      i++;
      if (bytes[i] === 0x2b || bytes[i] === 0x2d) i++;
      const exponent = i;
      i = this.#digits(i);
      if (i === exponent) return this.#refuse("bad-number");
    }
    if (i - start > jsonNumberBytesMax) return this.#refuse("number-too-long");
    this.#at = i;
    const hasExponent = i > mantissaEnd;
    // Up to fifteen digits are exact in a double (RFC 8259 6).
    if (isInteger && !hasExponent && i - whole <= 15) return this.#integer(whole, i, start < whole);
    const value = Number(this.#ascii(start, i));
    if (!this.#isExact(value, whole, mantissaEnd, hasExponent)) return this.#refuse("number-range");
    return value === 0 ? 0 : value;
  }

  #integer(start: number, end: number, isNegative: boolean): number {
    let value = 0;
    for (let i = start; i < end; i++) value = value * 10 + (this.#bytes[i] ?? 0) - 0x30;
    return isNegative && value !== 0 ? -value : value;
  }

  #digits(at: number): number {
    let i = at;
    for (;;) {
      const byte = this.#bytes[i];
      if (byte === undefined || byte < 0x30 || byte > 0x39) return i;
      i++;
    }
  }

  /**
   * False for what readers with other number types would read as another number: too large or small for a double,
   * whole numbers beyond 2^53 - 1, and beyond that any that has more digits than a double keeps.
   */
  #isExact(value: number, start: number, end: number, hasExponent: boolean): boolean {
    if (!Number.isFinite(value)) return false;
    if (value === 0) return this.#significantDigits(start, end) === 0;
    if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return true;
    return hasExponent && this.#significantDigits(start, end) <= 15;
  }

  /** Digits of the mantissa between its first and its last that is not zero. */
  #significantDigits(start: number, end: number): number {
    let digits = 0;
    let significant = 0;
    for (let i = start; i < end; i++) {
      const byte = this.#bytes[i];
      if (byte === 0x2e || (byte === 0x30 && digits === 0)) continue;
      digits++;
      if (byte !== 0x30) significant = digits;
    }
    return significant;
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
