import type { Clock } from "../../../platform/clock.ts";
import type { Log } from "../../../platform/log.ts";
import { systemTimers, type Timers } from "../../kube/timers.ts";

/** Time between two questions about a kind while its objects are missing and nobody knows why. */
export const askAgainMs = 2_000;

/** How long objects of a kind that is back are waited for, once the first of them is there. */
export const returnMs = 60_000;

export interface StandingOptions<K> {
  /** Whether a kind is there, and is not being deleted. Rejects when that cannot be told. */
  readonly isKindThere: (kind: K) => Promise<boolean>;
  /** Called when it may have become known why objects are missing. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly timers?: Timers;
}

interface KindState<T> {
  standing: ReadonlyMap<string, T>;
  /** Missing objects that somebody deleted. */
  deleted: ReadonlySet<string>;
  isAsking: boolean;
  /** The kind itself was deleted, and its objects with it. */
  isGone: boolean;
  /** Since when it is back with objects. */
  backAt: number | undefined;
}

/**
 * What stands of each kind. An object that is missing counts as deleted only when its kind is still there: with a kind
 * go all its objects, and whoever deletes the kinds of Picket, as an uninstall may, does not mean that every workload
 * is open. What they said stays in force until objects of the kind are there again.
 */
export class Standing<K extends string, T> {
  readonly #options: StandingOptions<K>;
  readonly #timers: Timers;
  readonly #states = new Map<K, KindState<T>>();
  readonly #waiting = new Map<K, () => void>();
  #isStopped = false;

  constructor(options: StandingOptions<K>) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** What stands of a kind, by what the API server has of it now. */
  of(kind: K, items: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
    let state = this.#states.get(kind);
    if (state === undefined) {
      state = { standing: items, deleted: new Set(), isAsking: false, isGone: false, backAt: undefined };
      this.#states.set(kind, state);
    }
    const { deleted } = state;
    const missing = [...state.standing].filter(([key]) => !items.has(key) && !deleted.has(key));
    state.deleted = new Set();
    state.standing = missing.length === 0 ? items : new Map([...items, ...missing]);
    if (missing.length > 0) {
      const keys = new Set(missing.map(([key]) => key));
      void this.#ask(kind, state, { keys, hasObjects: items.size > 0 });
    }
    return state.standing;
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#waiting.values()) cancel();
  }

  async #ask(
    kind: K,
    state: KindState<T>,
    { keys, hasObjects }: { readonly keys: ReadonlySet<string>; readonly hasObjects: boolean },
  ): Promise<void> {
    const { isKindThere, changed, log, clock } = this.#options;
    if (state.isAsking || this.#waiting.has(kind) || this.#isStopped) return;
    state.isAsking = true;
    try {
      const isThere = await isKindThere(kind);
      if (!isThere && !state.isGone) {
        log.error("a kind was deleted, and its objects with it; what they said stays in force", { kind });
      }
      state.isGone ||= !isThere;
      state.backAt = isThere && state.isGone && hasObjects ? (state.backAt ?? clock.monotonic()) : undefined;
      if (state.backAt !== undefined && clock.monotonic() - state.backAt >= returnMs) state.isGone = false;
      if (isThere && !state.isGone) {
        // Asked after they were missed: a kind that was being deleted then would be so still.
        state.deleted = keys;
        return changed();
      }
    } catch (error) {
      log.warn("whether missing objects were deleted cannot be told yet; what they said stays in force", {
        kind,
        error,
      });
    } finally {
      state.isAsking = false;
    }
    const again = (): void => {
      this.#waiting.delete(kind);
      changed();
    };
    if (!this.#isStopped) this.#waiting.set(kind, this.#timers.after(askAgainMs, again));
  }
}
