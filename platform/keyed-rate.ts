import type { Clock } from "./clock.ts";

/** How often something may happen. */
export interface Rate {
  readonly perSecond: number;
  /** At once, after a pause. */
  readonly burst: number;
}

/** A rate for each key, such as an address: by the moment at which its bucket would be full again. */
export class KeyedRate {
  readonly #rate: Rate;
  readonly #keysMax: number;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #fullAt = new Map<string, number>();

  /** Beyond `keysMax` the key that was used longest ago is forgotten. */
  constructor(rate: Rate, options: { readonly keysMax: number; readonly clock: Pick<Clock, "monotonic"> }) {
    this.#rate = rate;
    this.#keysMax = options.keysMax;
    this.#clock = options.clock;
  }

  /** Whether it may happen now; then it counts. */
  take(key: string): boolean {
    const now = this.#clock.monotonic();
    const intervalMs = 1000 / this.#rate.perSecond;
    const next = Math.max(this.#fullAt.get(key) ?? now, now) + intervalMs;
    if (next - now > this.#rate.burst * intervalMs) return false;
    // Set anew, so that the order of the map is the order of use.
    this.#fullAt.delete(key);
    if (this.#fullAt.size >= this.#keysMax) this.#fullAt.delete(this.#fullAt.keys().next().value ?? "");
    this.#fullAt.set(key, next);
    return true;
  }
}
