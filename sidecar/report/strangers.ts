import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";

/** Wait between two lines in the log, however many strangers ask. */
export const strangersLogMs = 60_000;

/** Says in the log, now and then, that somebody without the key of a proxy asks. */
export class Strangers {
  readonly #clock: Clock;
  readonly #log: Log;
  #count = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  seen(): void {
    this.#count++;
    const now = this.#clock.monotonic();
    if (now - this.#loggedAt < strangersLogMs) return;
    this.#log.warn("questions without the key of a workload known here were refused", { count: this.#count });
    this.#loggedAt = now;
    this.#count = 0;
  }
}
