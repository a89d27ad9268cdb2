import type { EpochMs } from "../core/limits/time.ts";

/** The one source of time of a program; tests pass their own. */
export interface Clock {
  /** Wall clock. */
  now(): EpochMs;
  /** Milliseconds that never go back, for durations. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
