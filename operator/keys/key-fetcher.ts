import type { Algorithm } from "../../core/policy/identity.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { createBackoff, type Backoff } from "../kube/backoff.ts";
import { systemTimers, type Timers } from "../kube/timers.ts";
import { readKeySet } from "../translate/keys.ts";
import type { Destinations } from "./destination.ts";
import { failureSentences, type Fetched, type FetchFailure, type FetchKeySet } from "./fetch-key-set.ts";
import { parseKeys, printKeys, type HeldKeys } from "./key-memory.ts";
import type { KeyMetrics } from "./metrics.ts";

/** Time between two fetches that go well, and how much of it is drawn by lot. */
export const refreshMs = 10 * 60_000;
export const refreshJitter = 0.2;

/** Least time between the end of one fetch that went well and the next of the same address, whatever changes. */
export const floorMs = 30_000;

/** First and longest wait after a fetch that failed. */
export const retryMsMin = 1_000;
export const retryMsMax = 5 * 60_000;

/** Addresses that are followed; keys of further ones are not fetched, and said to be so. */
export const urisMax = 256;

/** Fetches that run at a time. */
export const fetchesMax = 8;

/** One address of keys that identities name. */
export interface FollowedIssuer {
  readonly uri: string;
  /** `namespace/name` of the identity, for metrics and the log. */
  readonly identity: string;
  /** What a key must be for, to be of use. */
  readonly algorithms: readonly Algorithm[];
  /** How old keys may be, where a policy uses them. */
  readonly maxStaleMs?: number | undefined;
}

/** Why there are no fresh keys of an address. */
export interface KeyFault {
  readonly failure: FetchFailure | "too-many";
  readonly sentence: string;
}

/** What the rest of the operator knows of fetched keys. */
export interface KeySource {
  /** Replaces the addresses that are followed. Fetches at once what is new. */
  follow(issuers: readonly FollowedIssuer[], destinations: Destinations): void;
  /** The last good keys by address, however old: whoever uses them looks at their age. */
  keys(): ReadonlyMap<string, HeldKeys>;
  /** Addresses whose last fetch failed. */
  faults(): ReadonlyMap<string, KeyFault>;
  /** False while an address has never been tried: then keys may be there in a moment. */
  readonly isSettled: boolean;
}

export interface KeyFetcher extends KeySource {
  /** Sets the ages before somebody looks at the metrics. */
  measure(): void;
  stop(): void;
}

export interface KeyFetcherOptions {
  readonly fetch: FetchKeySet;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: KeyMetrics;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly timers?: Timers;
  /** Keys differ from before, are fresh again, or stopped to come. */
  readonly changed: () => void;
  /** What `save` got before the operator started. */
  readonly remembered?: string | undefined;
  readonly save?: (text: string) => void;
}

interface Followed {
  issuers: readonly FollowedIssuer[];
  readonly backoff: Backoff;
  held: HeldKeys | undefined;
  fault: KeyFault | undefined;
  isTried: boolean;
  isRunning: boolean;
  /** Monotonic time at which it is due. */
  dueAt: number;
  /** No longer named by anybody; kept so that floor and back-off hold when it comes back. */
  isGone: boolean;
  goodAt: number;
  triedAt: number;
}

/** Follows the addresses of keys. Only the operator fetches; proxies get what it holds. */
export function createKeyFetcher(options: KeyFetcherOptions): KeyFetcher {
  const { clock, log, metrics, random, timers = systemTimers, changed } = options;
  const remembered = new Map(options.remembered === undefined ? [] : parseKeys(options.remembered));
  const followed = new Map<string, Followed>();
  const stopping = new AbortController();
  let destinations: Destinations | undefined;
  let excess: ReadonlySet<string> = new Set();
  let running = 0;
  let savedAt = Number.NEGATIVE_INFINITY;
  let cancelTimer: () => void = () => undefined;

  const heldKeys = (): ReadonlyMap<string, HeldKeys> =>
    new Map([...followed].flatMap(([uri, { held, isGone }]) => (held === undefined || isGone ? [] : [[uri, held]])));

  const add = (uri: string): Followed => {
    const held = remembered.get(uri);
    remembered.delete(uri);
    const one: Followed = {
      issuers: [],
      backoff: createBackoff({ firstMs: retryMsMin, maxMs: retryMsMax, random }),
      held,
      fault: undefined,
      isTried: held !== undefined,
      isRunning: false,
      dueAt: clock.monotonic(),
      isGone: false,
      goodAt: Number.NEGATIVE_INFINITY,
      triedAt: Number.NEGATIVE_INFINITY,
    };
    followed.set(uri, one);
    return one;
  };

  /** Starts what is due, and wakes up for what will be. */
  const turn = (): void => {
    cancelTimer();
    if (stopping.signal.aborted) return;
    const now = clock.monotonic();
    let nextAt = Number.POSITIVE_INFINITY;
    for (const [uri, one] of followed) {
      if (one.isGone) {
        const isForgotten = !one.isRunning && now - one.triedAt >= floorMs;
        if (isForgotten) followed.delete(uri);
        continue;
      }
      if (one.isRunning) continue;
      if (one.dueAt > now) nextAt = Math.min(nextAt, one.dueAt);
      else if (running < fetchesMax) void run(uri, one);
    }
    if (nextAt < Number.POSITIVE_INFINITY) cancelTimer = timers.after(Math.max(1, nextAt - now), turn);
  };

  const run = async (uri: string, one: Followed): Promise<void> => {
    if (destinations === undefined) return;
    one.isRunning = true;
    running++;
    const fetched = await options
      .fetch(uri, destinations, stopping.signal)
      .catch((error: unknown): Fetched => ({ kind: "failed", failure: "unreachable", detail: String(error) }));
    one.isRunning = false;
    running--;
    if (stopping.signal.aborted) return;
    one.isTried = true;
    one.triedAt = clock.monotonic();
    const isChange = fetched.kind === "fetched" ? take(uri, one, fetched.text) : fail(uri, one, fetched);
    turn();
    if (isChange && !one.isGone) changed();
  };

  const take = (uri: string, one: Followed, text: string): boolean => {
    const algorithms = [...new Set(one.issuers.flatMap((issuer) => issuer.algorithms))];
    const { jwks, problems } = readKeySet(text, algorithms);
    if (jwks === undefined) return fail(uri, one, { failure: "no-keys", detail: problems[0] ?? "" });
    const isNews = one.held?.jwks !== text || one.fault !== undefined;
    count(one, one.held?.jwks === text ? "same" : "changed");
    if (one.fault !== undefined) log.info("keys are fetched again", { uri, identity: nameOf(one) });
    else if (isNews) log.info("keys fetched", { uri, identity: nameOf(one) });
    one.held = { jwks: text, fetchedMs: clock.now() };
    one.fault = undefined;
    one.goodAt = clock.monotonic();
    one.backoff.reset();
    one.dueAt = one.goodAt + refreshMsOf(one) * (1 + refreshJitter * (2 * random() - 1));
    // Ages alone are not worth a write for each address.
    if (isNews || one.goodAt - savedAt >= refreshMs) save();
    return isNews;
  };

  const fail = (
    uri: string,
    one: Followed,
    { failure, detail }: { readonly failure: FetchFailure; readonly detail: string },
  ): boolean => {
    const isNews = one.fault?.failure !== failure;
    count(one, failure);
    if (isNews) log.warn("keys cannot be fetched; the last ones stay", { uri, identity: nameOf(one), failure, detail });
    one.fault = { failure, sentence: failureSentences[failure] };
    one.dueAt = clock.monotonic() + one.backoff.nextMs();
    return isNews;
  };

  const count = (one: Followed, result: string): void => {
    metrics.refreshes.inc({ issuer: metrics.issuerLabel(nameOf(one)), result });
  };

  const save = (): void => {
    savedAt = clock.monotonic();
    try {
      options.save?.(printKeys(heldKeys()));
    } catch (error) {
      log.warn("fetched keys cannot be remembered", { error });
    }
  };

  return {
    follow: (issuers, where) => {
      const wanted = Map.groupBy(issuers, ({ uri }) => uri);
      const isMoved = JSON.stringify(where) !== JSON.stringify(destinations);
      destinations = where;
      const uris = [...wanted.keys()].toSorted();
      // Those that are followed already go first: a flood of new ones takes nobody's keys away.
      const known = uris.filter((uri) => followed.has(uri));
      const chosen = new Set([...known, ...uris.filter((uri) => !followed.has(uri))].slice(0, urisMax));
      excess = new Set(uris.filter((uri) => !chosen.has(uri)));
      for (const [uri, one] of followed) one.isGone = !chosen.has(uri);
      for (const uri of chosen) {
        const before = followed.get(uri);
        const one = before ?? add(uri);
        const wasFor = algorithmsOf(one);
        one.issuers = wanted.get(uri) ?? [];
        // What was refused by the old settings, or was good for them, is asked for by the new ones.
        const isOther = before !== undefined && (isMoved || algorithmsOf(one) !== wasFor);
        if (isOther) one.dueAt = Math.min(one.dueAt, Math.max(clock.monotonic(), one.goodAt + floorMs));
      }
      turn();
    },
    keys: heldKeys,
    faults: () => {
      const faults = new Map<string, KeyFault>();
      for (const [uri, { fault, isGone }] of followed) if (fault !== undefined && !isGone) faults.set(uri, fault);
      for (const uri of excess) faults.set(uri, { failure: "too-many", sentence: tooMany });
      return faults;
    },
    get isSettled() {
      return [...followed.values()].every(({ isTried, isGone }) => isTried || isGone);
    },
    measure: () => {
      metrics.age.reset();
      const oldest = new Map<string, number>();
      for (const { held, issuers, isGone } of followed.values()) {
        if (held === undefined || isGone) continue;
        const age = Math.max(0, clock.now() - held.fetchedMs) / 1000;
        for (const { identity } of issuers) oldest.set(identity, Math.max(age, oldest.get(identity) ?? 0));
      }
      for (const [identity, age] of oldest) metrics.age.set({ provider: metrics.providerLabel(identity) }, age);
    },
    stop: () => {
      stopping.abort();
      cancelTimer();
    },
  };
}

const tooMany = `there are more than ${urisMax} addresses of keys: this one is not asked`;

/** Three times before keys would be too old, where a policy believes them for a short time only. */
function refreshMsOf({ issuers }: Followed): number {
  const least = Math.min(...issuers.map(({ maxStaleMs = Number.POSITIVE_INFINITY }) => maxStaleMs));
  return Math.max(floorMs, Math.min(refreshMs, least / 3));
}

function algorithmsOf({ issuers }: Followed): string {
  return [...new Set(issuers.flatMap(({ algorithms }) => algorithms))].toSorted().join(" ");
}

function nameOf({ issuers }: Followed): string {
  return issuers[0]?.identity ?? "";
}
