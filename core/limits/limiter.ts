import { createBucket } from "./bucket.ts";
import type { Meter } from "./meter.ts";
import { advance, createSteadyTime, type SteadyTime } from "./steady-time.ts";
import {
  createGrowthBudget,
  createTable,
  grownBytes,
  limitKeysMax,
  occupy,
  placeFor,
  sharedSlot,
  slotOf,
  tableBytes,
  type GrowthBudget,
  type LimitTable,
} from "./table.ts";
import type { EpochMs, Millis } from "./time.ts";
import { createWindow } from "./window.ts";

/** Largest `requests` and `burst` of a limit; with `limitWindowMsMax` it keeps every number of a bucket whole. */
export const limitRequestsMax = 1_000_000;

/** Longest window of a limit: 31 days. */
export const limitWindowMsMax: Millis = 31 * 24 * 60 * 60 * 1_000;

/** Limits of one workload. */
export const limitsMax = 256;

/** A limit as the check path needs it. */
export interface CompiledLimit {
  /** Names the limit through policy generations, such as `bank/accounts:per-principal`. Unique within a limiter. */
  readonly id: string;
  readonly requests: number;
  readonly windowMs: Millis;
  /** Present: a token bucket of this size. Absent: a sliding window. */
  readonly burst?: number | undefined;
  /** True: counts like any other, but refuses nothing. */
  readonly shadow: boolean;
}

export interface LimiterOptions {
  /** Keys each limit keeps apart, `limitKeysMax` by default. */
  readonly keysMax?: number | undefined;
  /** The limiter of the generation before. Limits with the same id and numbers go on counting where it was. */
  readonly previous?: Limiter | undefined;
  /** Memory shared with other limiters; by default one of its own. */
  readonly budget?: GrowthBudget | undefined;
}

/** What a limiter says about one request. Written by `take`; made once and reused. */
export interface LimitAnswer {
  allowed: boolean;
  /** Position of the limit that refuses, the one with the longest wait; -1 when allowed. */
  limit: number;
  /** Seconds after which the request fits if nobody else takes the place; 0 when allowed, else at least 1. */
  retryAfterSeconds: number;
  /** Fewest further requests that any of the asked limits leaves, shadow limits aside; 0 when refused. */
  remaining: number;
  /** Position of the first shadow limit that would have refused; -1 when none. */
  shadowLimit: number;
}

/** What a limit's table holds and has lost, for metrics. */
export interface LimitCounters {
  readonly keys: number;
  readonly bytes: number;
  readonly evictions: number;
  readonly evictionsInUse: number;
  /** Requests judged in the shared slot, because their key had no place. */
  readonly shared: number;
}

/**
 * Counts requests against limits. For each request: `begin`, `ask` once per limit that applies, `take`. A request is
 * counted in all of the limits asked or in none: one that any limit refuses does not count anywhere, so hammering on a
 * closed door keeps it closed no longer. A shadow limit counts as if it were real, except that the request goes on.
 */
export interface Limiter {
  readonly limits: readonly CompiledLimit[];
  begin(): void;
  /** `high` and `low` come from key.ts. Positions must rise from call to call: each limit once. */
  ask(position: number, high: number, low: number): void;
  take(nowMs: EpochMs, answer: LimitAnswer): void;
  counters(position: number): LimitCounters;
  /** @internal What the next generation takes over. */
  readonly states: readonly LimitState[];
}

interface LimitState {
  readonly key: string;
  readonly meter: Meter;
  readonly table: LimitTable;
  readonly time: SteadyTime;
  shared: number;
}

/** A fresh answer: refused until a limiter says otherwise. */
export function createLimitAnswer(): LimitAnswer {
  return { allowed: false, limit: -1, retryAfterSeconds: 1, remaining: 0, shadowLimit: -1 };
}

function isWithin(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}

/** Throws a RangeError for numbers out of the bounds above: the policy parser has refused those, or it is a bug. */
export function createLimiter(limits: readonly CompiledLimit[], options: LimiterOptions = {}): Limiter {
  if (limits.length > limitsMax) throw new RangeError("a limiter has too many limits");
  if (new Set(limits.map((limit) => limit.id)).size !== limits.length) throw new RangeError("two limits share an id");
  const own = statesOf(limits, options);

  let asked = 0;
  const positions = new Int32Array(limits.length);
  const highs = new Int32Array(limits.length);
  const lows = new Int32Array(limits.length);
  const slots = new Int32Array(limits.length);
  const refuses = new Uint8Array(limits.length);

  return {
    limits,
    states: own,
    begin() {
      asked = 0;
    },
    ask(position, high, low) {
      const last = asked === 0 ? -1 : (positions[asked - 1] as number);
      if (!(position > last && position < limits.length)) throw new RangeError("a limit is asked twice or unknown");
      positions[asked] = position;
      highs[asked] = high;
      lows[asked] = low;
      asked++;
    },
    take(nowMs, answer) {
      answer.allowed = false;
      answer.limit = -1;
      answer.retryAfterSeconds = 1;
      answer.remaining = 0;
      answer.shadowLimit = -1;
      let longestMs = 0;
      // First every limit is looked at, then all are counted: between the two nothing else happens in their tables.
      for (let i = 0; i < asked; i++) {
        const position = positions[i] as number;
        const state = own[position] as LimitState;
        const { windowMs, shadow } = limits[position] as CompiledLimit;
        const { meter, table, time } = state;
        const atMs = advance(time, nowMs, windowMs);
        const high = highs[i] as number;
        const low = lows[i] as number;
        let slot = slotOf(table, high, low);
        let waitMs = 0;
        if (slot >= 0) {
          waitMs = meter.waitMs(table.store, slot, atMs);
        } else {
          slot = placeFor(table, high, low, atMs);
          if (slot === sharedSlot(table)) {
            state.shared++;
            waitMs = meter.waitMs(table.store, slot, atMs);
          }
        }
        slots[i] = slot;
        // Not `> 0`: whatever is not a clear yes refuses.
        const fits = waitMs <= 0;
        refuses[i] = fits ? 0 : 1;
        if (fits) continue;
        if (shadow) {
          if (answer.shadowLimit < 0) answer.shadowLimit = position;
          continue;
        }
        const wait = waitMs + time.behindMs;
        if (answer.limit < 0 || wait > longestMs) {
          answer.limit = position;
          longestMs = wait;
        }
      }
      if (answer.limit >= 0) {
        answer.retryAfterSeconds = longestMs > 0 ? Math.ceil(longestMs / 1_000) : 1;
        return;
      }
      let remaining = limitRequestsMax;
      for (let i = 0; i < asked; i++) {
        const position = positions[i] as number;
        const { shadow } = limits[position] as CompiledLimit;
        const { meter, table, time } = own[position] as LimitState;
        const slot = slots[i] as number;
        const { elapsedMs } = time;
        if (refuses[i] === 0) {
          if (slot !== sharedSlot(table)) occupy(table, slot, highs[i] as number, lows[i] as number, elapsedMs);
          meter.count(table.store, slot, elapsedMs);
        }
        if (shadow) continue;
        const left = meter.remaining(table.store, slot, elapsedMs);
        if (left < remaining) remaining = left;
      }
      answer.allowed = true;
      answer.retryAfterSeconds = 0;
      answer.remaining = remaining;
    },
    counters(position) {
      const { table, shared } = own[position] as LimitState;
      const { keys, evictions, evictionsInUse } = table;
      return { keys, bytes: tableBytes(table), evictions, evictionsInUse, shared };
    },
  };
}

/** What all tables of a limiter have grown by. */
export function limiterGrownBytes({ states }: Limiter): number {
  return states.reduce((sum, { table }) => sum + grownBytes(table), 0);
}

/** A function of its own, so that a limiter holds on to nothing of the generation before but what it took over. */
function statesOf(limits: readonly CompiledLimit[], options: LimiterOptions): readonly LimitState[] {
  const { keysMax = limitKeysMax, previous, budget = createGrowthBudget() } = options;
  const kept = new Map((previous?.states ?? []).map((state) => [state.key, state]));
  return limits.map((limit) => {
    const key = stateKey(limit, keysMax);
    return kept.get(key) ?? createState(limit, { key, keysMax, budget });
  });
}

function stateKey({ id, requests, windowMs, burst }: CompiledLimit, keysMax: number): string {
  return JSON.stringify([id, requests, windowMs, burst ?? null, keysMax]);
}

function createState(
  limit: CompiledLimit,
  { key, keysMax, budget }: { readonly key: string; readonly keysMax: number; readonly budget: GrowthBudget },
): LimitState {
  const { requests, windowMs, burst } = limit;
  if (!isWithin(requests, limitRequestsMax)) throw new RangeError("a limit's requests are out of bounds");
  if (!isWithin(windowMs, limitWindowMsMax)) throw new RangeError("a limit's window is out of bounds");
  if (burst !== undefined && !isWithin(burst, limitRequestsMax))
    throw new RangeError("a limit's burst is out of bounds");
  const meter = burst === undefined ? createWindow(requests, windowMs) : createBucket(requests, windowMs, burst);
  return { key, meter, table: createTable(meter, keysMax, budget), time: createSteadyTime(), shared: 0 };
}
