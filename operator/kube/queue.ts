import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { Bucket } from "./bucket.ts";
import { KubeError } from "./error.ts";
import type { KubeMetrics } from "./metrics.ts";
import { systemTimers, type Timers } from "./timers.ts";

/** First wait after an error of a key; it doubles with each further one. */
export const retryMsFirst = 5;

/** Longest wait of a key. Work that failed for half an hour goes on within a minute after its cause is gone. */
export const retryMsMax = 60_000;

/** Retries of all keys together: a second, and at once. */
export const retriesPerSecond = 10;
export const retriesBurst = 100;

/** Keys of high priority in a row, after which one of low priority has its turn. */
const highInARowMax = 10;

/** How the work of a key ended, other than by an error. */
export type Outcome =
  | { readonly kind: "done" }
  /** Once more after that time; not an error. */
  | { readonly kind: "waiting"; readonly afterMs: number }
  /** Nothing to do until the object changes. */
  | { readonly kind: "stalled" };

/** Edits of users come before repetition. */
export type Priority = "high" | "low";

export interface Queue<K extends string> {
  /** The key's work is due. A key that waits is not added twice; one at work is worked on once more afterwards. */
  add(key: K, priority?: Priority): void;
  /** The key's work is due after that time, or earlier when something sooner is planned. */
  after(key: K, ms: number): void;
  /** Work begins; it ends with the signal. */
  start(signal: AbortSignal): void;
  /** Resolves when the signal was given and no work runs any more. */
  readonly stopped: Promise<void>;
}

export interface QueueOptions<K extends string> {
  /** What it is called in metrics and logs. */
  readonly controller: string;
  /** Never called for one key twice at a time. An error is counted and tried again. */
  readonly work: (key: K) => Promise<Outcome>;
  /** Keys worked on at a time. */
  readonly workersMax?: number;
  readonly metrics: KubeMetrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly timers?: Timers;
}

/** A queue of keys, not of events. It holds each key once, so its bound is the number of objects that there are. */
export function createQueue<K extends string>(options: QueueOptions<K>): Queue<K> {
  return new KeyedQueue(options);
}

interface Planned {
  readonly at: number;
  readonly cancel: () => void;
}

class KeyedQueue<K extends string> implements Queue<K> {
  readonly stopped: Promise<void>;
  readonly #options: QueueOptions<K>;
  readonly #timers: Timers;
  readonly #bucket: Bucket;
  /** Keys that wait, with when they were added, in the order of their turn. */
  readonly #waiting = { high: new Map<K, number>(), low: new Map<K, number>() };
  /** Keys at work, with when it began. */
  readonly #running = new Map<K, number>();
  /** Keys that were added while at work. */
  readonly #again = new Map<K, Priority>();
  readonly #planned = new Map<K, Planned>();
  readonly #failures = new Map<K, number>();
  #resolveStopped: () => void = () => {};
  #isStarted = false;
  #isStopped = false;
  #highInARow = 0;

  constructor(options: QueueOptions<K>) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#bucket = new Bucket({ perSecond: retriesPerSecond, burst: retriesBurst, clock: options.clock });
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  add(key: K, priority: Priority = "high"): void {
    if (this.#isStopped) return;
    if (this.#running.has(key)) {
      if (this.#again.get(key) !== "high") this.#again.set(key, priority);
      return;
    }
    const { high, low } = this.#waiting;
    if (high.has(key)) return;
    if (priority === "high") {
      // Whoever was waiting already keeps the time since when.
      high.set(key, low.get(key) ?? this.#options.clock.monotonic());
      low.delete(key);
    } else if (!low.has(key)) {
      low.set(key, this.#options.clock.monotonic());
    }
    this.#dispatch();
  }

  after(key: K, ms: number): void {
    if (this.#isStopped) return;
    const at = this.#options.clock.monotonic() + ms;
    const known = this.#planned.get(key);
    if (known !== undefined && known.at <= at) return;
    known?.cancel();
    const cancel = this.#timers.after(ms, () => {
      this.#planned.delete(key);
      this.add(key, "low");
    });
    this.#planned.set(key, { at, cancel });
  }

  start(signal: AbortSignal): void {
    const { metrics, controller, clock } = this.#options;
    metrics.longestRunningMs.set(controller, () => {
      const [oldest] = this.#running.values();
      return oldest === undefined ? 0 : clock.monotonic() - oldest;
    });
    this.#isStarted = true;
    signal.addEventListener("abort", () => this.#stop());
    if (signal.aborted) this.#stop();
    this.#dispatch();
  }

  #stop(): void {
    this.#isStopped = true;
    for (const { cancel } of this.#planned.values()) cancel();
    this.#planned.clear();
    this.#waiting.high.clear();
    this.#waiting.low.clear();
    this.#again.clear();
    if (this.#running.size === 0) this.#resolveStopped();
  }

  #dispatch(): void {
    const { workersMax = 1, metrics, controller } = this.#options;
    while (this.#isStarted && !this.#isStopped && this.#running.size < workersMax) {
      const key = this.#next();
      if (key === undefined) break;
      void this.#run(key);
    }
    metrics.queueDepth.set({ controller }, this.#waiting.high.size + this.#waiting.low.size);
  }

  #next(): K | undefined {
    const { high, low } = this.#waiting;
    const isLowsTurn = high.size === 0 || (low.size > 0 && this.#highInARow >= highInARowMax);
    const from = isLowsTurn ? low : high;
    this.#highInARow = isLowsTurn ? 0 : this.#highInARow + 1;
    for (const [key, sinceMs] of from) {
      from.delete(key);
      const { metrics, controller, clock } = this.#options;
      metrics.queueWaitSeconds.observe({ controller }, (clock.monotonic() - sinceMs) / 1000);
      return key;
    }
    return undefined;
  }

  async #run(key: K): Promise<void> {
    this.#running.set(key, this.#options.clock.monotonic());
    try {
      this.#settle(key, await this.#options.work(key));
    } catch (error) {
      this.#failed(key, error);
    }
    this.#running.delete(key);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined) this.add(key, again);
    if (this.#isStopped && this.#running.size === 0) this.#resolveStopped();
    this.#dispatch();
  }

  #settle(key: K, outcome: Outcome): void {
    this.#failures.delete(key);
    if (outcome.kind === "waiting") this.after(key, outcome.afterMs);
  }

  #failed(key: K, error: unknown): void {
    const { metrics, controller, log } = this.#options;
    const failures = this.#failures.get(key) ?? 0;
    if (!this.#isStopped) this.#failures.set(key, failures + 1);
    const ownMs = Math.min(retryMsFirst * 2 ** failures, retryMsMax);
    const askedMs = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
    const afterMs = Math.max(ownMs, askedMs, this.#bucket.reserveMs());
    metrics.queueRetries.inc({ controller });
    log[failures === 0 ? "warn" : "debug"]("work has failed and is tried again", { controller, key, afterMs, error });
    this.after(key, afterMs);
  }
}
