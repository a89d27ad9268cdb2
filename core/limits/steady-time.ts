import type { EpochMs, Millis } from "./time.ts";

/** Moments beyond this distance from 1970 are no time at all (year 128,723): the steady time stands still. */
export const momentMax = 4_000_000_000_000_000;

/**
 * A time that never goes back, made from a clock that may. Starts at 0 with the first moment. While the clock is behind
 * its highest moment, steady time stands still, so that nothing is granted twice; when it is behind by more than the
 * tolerance, it was set back, and steady time goes on from there, so that nothing stays locked.
 */
export interface SteadyTime {
  /** Milliseconds since the first moment. Whole, never decreases. */
  elapsedMs: number;
  /** What the clock is behind its highest moment now: a wait takes this much longer by that clock. */
  behindMs: number;
  /** What to add to the clock; undefined before the first moment. */
  offsetMs: number | undefined;
}

export function createSteadyTime(): SteadyTime {
  return { elapsedMs: 0, behindMs: 0, offsetMs: undefined };
}

/** Takes the clock's moment into account and returns the steady time. A moment that is none (NaN) changes nothing. */
export function advance(time: SteadyTime, nowMs: EpochMs, toleranceMs: Millis): number {
  if (!(Math.abs(nowMs) <= momentMax)) return time.elapsedMs;
  const now = Math.floor(nowMs);
  time.offsetMs ??= -now;
  const behind = time.elapsedMs - (now + time.offsetMs);
  if (behind <= 0) {
    time.elapsedMs -= behind;
    time.behindMs = 0;
  } else if (behind > toleranceMs) {
    time.offsetMs += behind;
    time.behindMs = 0;
  } else {
    time.behindMs = behind;
  }
  return time.elapsedMs;
}
