import type { Meter, MeterStore } from "./meter.ts";
import type { Millis } from "./time.ts";

/** Parts a window is counted in. More parts: less strictness beyond the promise, more memory per key. */
export const windowParts = 10;

const ring = windowParts + 1;

/**
 * Sliding window: in any `windowMs` milliseconds at most `requests` are counted. Never more, wherever the window lies.
 *
 * Counts are kept per tenth of a window, and the oldest tenth counts whole for as long as any of it is inside. So the
 * error is on the strict side only: what was counted is forgotten between `windowMs` and 1.1 times `windowMs` later.
 * The usual counter with two windows and a weight was not taken: a caller who saves up for the end of one window and
 * goes on through the next gets close to twice the limit within one window's length. A log of moments would be exact
 * both ways, at `requests` numbers per key.
 */
export function createWindow(requests: number, windowMs: Millis): Meter {
  const partAt = (atMs: number): number => Math.floor((atMs * windowParts) / windowMs);

  // Number of a key: its newest part. Counts: one per part, at the part's number modulo the ring. Forgetting parts that
  // are over changes no answer, so reading does it too.
  const roll = (store: MeterStore, slot: number, part: number): void => {
    const { counts, numbers } = store;
    const gone = part - (numbers[slot] as number);
    if (gone <= 0) return;
    numbers[slot] = part;
    const first = slot * ring;
    if (gone >= ring) {
      counts.fill(0, first, first + ring);
      return;
    }
    for (let at = part % ring, left = gone; left > 0; left--) {
      counts[first + at] = 0;
      at = at === 0 ? ring - 1 : at - 1;
    }
  };

  const sum = (store: MeterStore, slot: number, atMs: number): number => {
    roll(store, slot, partAt(atMs));
    const { counts } = store;
    const first = slot * ring;
    let total = 0;
    for (let at = first; at < first + ring; at++) total += counts[at] as number;
    return total;
  };

  return {
    numbersPerKey: 1,
    countsPerKey: ring,
    used: (store, slot, atMs) => sum(store, slot, atMs) / requests,
    remaining: (store, slot, atMs) => Math.max(0, requests - sum(store, slot, atMs)),
    waitMs: (store, slot, atMs) => {
      let over = sum(store, slot, atMs) - requests + 1;
      if (over <= 0) return 0;
      // Parts fall out oldest first; the one that makes room falls out when the part `ring` later begins.
      let part = partAt(atMs) - windowParts - 1;
      while (over > 0) {
        part++;
        over -= store.counts[slot * ring + (((part % ring) + ring) % ring)] as number;
      }
      let free = Math.ceil(((part + ring) * windowMs) / windowParts);
      if (partAt(free) < part + ring) free++; // the division may have been rounded down
      return free - atMs;
    },
    count: (store, slot, atMs) => {
      const part = partAt(atMs);
      roll(store, slot, part);
      const at = slot * ring + (part % ring);
      store.counts[at] = (store.counts[at] as number) + 1;
    },
  };
}
