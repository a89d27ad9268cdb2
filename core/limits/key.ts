import type { ClaimScalar } from "../policy/policy.ts";

/** 64 random bits, drawn once per process and told to nobody: whoever knows them can choose keys that collide. */
export interface KeySeed {
  readonly first: number;
  readonly second: number;
}

/**
 * Makes the 64-bit hash of a limit's key, part by part: `begin`, one call per part, `finish`, then read `high` and
 * `low`. Parts are counted with their type and length, so ("a", "bc") and ("ab", "c"), or "1" and 1, are different keys.
 * Reused for every key; allocates nothing.
 */
export interface KeyHash {
  /** Signed 32-bit words of the last finished hash. */
  high: number;
  low: number;
  begin(): void;
  text(part: string): void;
  scalar(part: ClaimScalar): void;
  /** A part that the request does not have, such as the claim of an anonymous caller. Unlike every part that it has. */
  absent(): void;
  finish(): void;
}

const textTag = 1 << 28;
const numberTag = 2 << 28;
const booleanTag = 3 << 28;
const absentTag = 4 << 28;

/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", and the authors'
 * variant for 32-bit words). A keyed pseudo-random function: without the seed nobody can aim at a slot of a table.
 * Strings are taken two UTF-16 code units to a word.
 */
export function createKeyHash(seed: KeySeed): KeyHash {
  const k0 = seed.first | 0;
  const k1 = seed.second | 0;
  const number = new Float64Array(1);
  const numberWords = new Int32Array(number.buffer);
  let v0 = 0;
  let v1 = 0;
  let v2 = 0;
  let v3 = 0;
  let words = 0;

  const round = (): void => {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  };

  const word = (value: number): void => {
    words++;
    v3 ^= value;
    round();
    round();
    v0 ^= value;
  };

  const hash: KeyHash = {
    high: 0,
    low: 0,
    begin() {
      words = 0;
      v0 = k0;
      v1 = k1 ^ 0xee;
      v2 = k0 ^ 0x6c796765;
      v3 = k1 ^ 0x74656462;
    },
    text(part) {
      const { length } = part;
      word(textTag | length);
      let at = 0;
      for (; at + 1 < length; at += 2) word(part.charCodeAt(at) | (part.charCodeAt(at + 1) << 16));
      if (at < length) word(part.charCodeAt(at));
    },
    scalar(part) {
      if (typeof part === "string") {
        hash.text(part);
      } else if (typeof part === "boolean") {
        word(booleanTag | (part ? 1 : 0));
      } else {
        word(numberTag);
        number[0] = part === 0 ? 0 : part; // one zero
        word(numberWords[0] as number);
        word(numberWords[1] as number);
      }
    },
    absent() {
      word(absentTag);
    },
    finish() {
      // The last block of the definition: length in bytes, in the top byte.
      word((words * 4) << 24);
      v2 ^= 0xee;
      round();
      round();
      round();
      round();
      hash.low = v1 ^ v3;
      v1 ^= 0xdd;
      round();
      round();
      round();
      round();
      hash.high = v1 ^ v3;
    },
  };
  return hash;
}
