import type { Clock } from "../../platform/clock.ts";

export interface BucketOptions {
  readonly perSecond: number;
  readonly burst: number;
  readonly clock: Clock;
}

/** A token bucket that hands out places in time instead of making anybody wait. */
export class Bucket {
  readonly #options: BucketOptions;
  /** When the bucket would be full again, in the clock's monotonic milliseconds. */
  #fullAt = 0;
  #closedUntil = 0;

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** Takes a token and tells how many milliseconds from now it may be used. */
  reserveMs(): number {
    const { perSecond, burst, clock } = this.#options;
    const now = clock.monotonic();
    const intervalMs = 1000 / perSecond;
    this.#fullAt = Math.max(this.#fullAt, now, this.#closedUntil) + intervalMs;
    return Math.max(0, this.#fullAt - burst * intervalMs - now, this.#closedUntil - now);
  }

  /** No token before that time is over. */
  close(ms: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, this.#options.clock.monotonic() + ms);
  }
}
