import { decisionIdLength } from "./check-response.ts";

/** Makes decision ids, each once per process (up to 2^32 decisions) and hardly twice per install. */
export interface DecisionIds {
  next(): string;
  /** The number of the id that `next` gave last: counts up by one. */
  readonly last: number;
  /** The number an id was made from; NaN for a text that is no id of ours. */
  numberOf(id: string): number;
}

/** Crockford's base 32: no letters that people mix up on the telephone. */
const digits = "0123456789abcdefghjkmnpqrstvwxyz";
const counterDigits = 7;

/**
 * Ids are a random head and a counter that is hidden by a secret permutation of the 32-bit numbers, so that two ids tell
 * nobody how much traffic lies between them, and nothing is drawn per request. `seed`: 16 random bytes, drawn once per
 * process and told to nobody.
 */
export function createDecisionIds(seed: Uint8Array): DecisionIds {
  const word = (at: number): number => (seed[at]! << 24) | (seed[at + 1]! << 16) | (seed[at + 2]! << 8) | seed[at + 3]!;
  if (seed.length < 16) throw new RangeError("a seed has 16 bytes");
  const mask = word(0);
  const factor = word(4) | 1;
  const inverse = inverseOf(factor);
  let head = "";
  for (let i = 8; head.length < decisionIdLength - counterDigits; i++) head += digits[seed[8 + (i % 8)]! & 31]!;
  let count = 0;
  return {
    next() {
      count = (count + 1) >>> 0;
      let rest = (Math.imul(count, factor) ^ mask) >>> 0;
      let tail = "";
      for (let i = 0; i < counterDigits; i++) {
        tail = digits[rest & 31]! + tail;
        rest >>>= 5;
      }
      return head + tail;
    },
    get last() {
      return count;
    },
    numberOf(id) {
      if (id.length !== decisionIdLength || !id.startsWith(head)) return Number.NaN;
      let number = 0;
      for (let i = decisionIdLength - counterDigits; i < decisionIdLength; i++) {
        const digit = digits.indexOf(id[i]!);
        if (digit < 0) return Number.NaN;
        number = number * 32 + digit;
      }
      return number > 0xffffffff ? Number.NaN : Math.imul(number ^ mask, inverse) >>> 0;
    },
  };
}

/** The number whose product with this odd one is 1 modulo 2^32 (Newton's iteration doubles the right bits). */
function inverseOf(odd: number): number {
  let inverse = odd;
  for (let i = 0; i < 5; i++) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse;
}
