import { decisionIdLength } from "./check-response.ts";

/** Makes decision ids, each once per process and hardly twice per install. */
export interface DecisionIds {
  next(): string;
  /** The number of the id that `next` gave last: counts up by one. */
  readonly last: number;
  /** The number an id was made from; NaN for a text that is no id. */
  numberOf(id: string): number;
}

/** Crockford's base 32: no letters that people mix up on the telephone. */
const digits = "0123456789abcdefghjkmnpqrstvwxyz";
const counterDigits = 9;

/** `seed` is random, drawn once per process. Ids are a random head and a counter, so nothing is drawn per request. */
export function createDecisionIds(seed: Uint8Array): DecisionIds {
  let head = "";
  for (let i = 0; head.length < decisionIdLength - counterDigits; i++) head += digits[(seed[i] ?? 0) & 31]!;
  let count = 0;
  return {
    next() {
      count++;
      let rest = count;
      let tail = "";
      for (let i = 0; i < counterDigits; i++) {
        tail = digits[rest & 31]! + tail;
        rest = Math.floor(rest / 32);
      }
      return head + tail;
    },
    get last() {
      return count;
    },
    numberOf(id) {
      if (id.length !== decisionIdLength) return Number.NaN;
      let number = 0;
      for (let i = decisionIdLength - counterDigits; i < decisionIdLength; i++) {
        const digit = digits.indexOf(id[i]!);
        if (digit < 0) return Number.NaN;
        number = number * 32 + digit;
      }
      return number;
    },
  };
}
