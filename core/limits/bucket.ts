import type { Meter } from "./meter.ts";
import type { Millis } from "./time.ts";

/**
 * Token bucket: `burst` at once, then refilled at `requests` per `windowMs`. Promise: in any w milliseconds at most
 * `burst + floor(w * requests / windowMs)` are counted, exactly, without drift.
 *
 * It is the generic cell rate algorithm of ITU-T I.371 in its second form, the continuous-state leaky bucket: the level
 * rises by one request when one is counted and drains with time. The first form (one theoretical arrival time per key)
 * needs a fraction of a millisecond for most rates and rounds it at every step. Here one request is `windowMs` units
 * and `requests` units drain per millisecond: whole numbers below 2^53 throughout (bounds: limiter.ts).
 */
export function createBucket(requests: number, windowMs: Millis, burst: number): Meter {
  const full = burst * windowMs;

  // Numbers of a key: level in units, moment of that level.
  const levelAt = (numbers: Float64Array, slot: number, atMs: number): number => {
    const level = numbers[slot * 2] as number;
    const drained = (atMs - (numbers[slot * 2 + 1] as number)) * requests;
    return drained >= level ? 0 : level - drained;
  };

  return {
    numbersPerKey: 2,
    countsPerKey: 0,
    used: ({ numbers }, slot, atMs) => levelAt(numbers, slot, atMs) / full,
    waitMs: ({ numbers }, slot, atMs) => {
      const excess = levelAt(numbers, slot, atMs) + windowMs - full;
      return excess <= 0 ? 0 : Math.ceil(excess / requests);
    },
    remaining: ({ numbers }, slot, atMs) => Math.floor((full - levelAt(numbers, slot, atMs)) / windowMs),
    count: ({ numbers }, slot, atMs) => {
      numbers[slot * 2] = levelAt(numbers, slot, atMs) + windowMs;
      numbers[slot * 2 + 1] = atMs;
    },
  };
}
