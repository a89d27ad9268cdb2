import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { createBackoff } from "./backoff.ts";
import { toKubeError, type KubeError } from "./error.ts";
import { readList } from "./list.ts";
import type { KubeMetrics } from "./metrics.ts";
import { ObjectCache } from "./object-cache.ts";
import type { KubeObject } from "./object.ts";
import { pause, systemTimers, type Timers } from "./timers.ts";
import type { KubeTransport } from "./transport.ts";
import { parseWatchEvent } from "./watch-event.ts";

/** First and longest wait after a failure. Jitter only shortens it, so a server that returns is asked within 30 s. */
const retryMsFirst = 800;
const retryMsMax = 30_000;

/** Time without any failure after which former ones are forgotten. */
const healthyMs = 120_000;

/** A watch that lived shorter, or a list sooner after the last one, is preceded by a wait: nobody may ask in a circle. */
const circleMsMin = 5_000;

/** Failed watches in a row after which the version that they start from is not trusted any more. */
const watchFailuresMax = 5;

/**
 * How long the API server is asked to keep a watch open: a random time, so that they do not all end together. It is
 * short because its end is the only sign of life of a quiet resource: bookmarks come once a minute, and not at all
 * while nothing is written. A watch that goes on costs one small request and loses nothing.
 */
const watchSecondsMin = 35;
const watchSecondsMax = 45;

/**
 * Age at which a list is read again, although nothing went wrong. Nobody tells of what a watch cannot say: after etcd
 * was restored from a copy, versions run through numbers again that a watch has passed already.
 */
const relistMsMin = 600_000;
const relistMsMax = 900_000;

/** How much longer than that a watch may be silent. Then the connection is open and dead, and the list is read. */
const silenceMsBeyond = 10_000;

export interface Reflector<T> {
  start(signal: AbortSignal): void;
  /** Resolves when the first list is in `items`; never rejects. */
  readonly synced: Promise<void>;
  readonly isSynced: boolean;
  /** A snapshot by `namespace/name` that never changes; the same one until something changes. */
  items(): ReadonlyMap<string, T>;
  /** Milliseconds since the API server last sent anything about this resource; since the creation when it never did. */
  contactAgeMs(): number;
}

export interface ReflectorOptions<T> {
  readonly transport: KubeTransport;
  /** What it is called in metrics and logs. */
  readonly resource: string;
  /** Path of the list: `/apis/picket.dev/v1alpha1/apipolicies`. */
  readonly path: string;
  /** `labelSelector`, `fieldSelector`. */
  readonly query?: Readonly<Record<string, string>>;
  /** What is kept of an object; undefined: nothing. A throw is counted and keeps the object's former value. */
  readonly transform: (object: KubeObject) => T | undefined;
  /** Called when items became different, once for what arrived together, and once after the first list. */
  readonly changed: () => void;
  readonly metrics: KubeMetrics;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly timers?: Timers;
  /** Longest silence of a watch, instead of what follows from its life; tests lower it. */
  readonly silenceMs?: number;
}

/** Keeps a copy of every object of one resource: a list, then a watch, for as long as the signal lets it. */
export function createReflector<T>(options: ReflectorOptions<T>): Reflector<T> {
  return new WatchingReflector(options);
}

/** Why a list is read. */
type ListCause = "first" | "expired" | "malformed" | "idle" | "empty" | "failing" | "age";

/** How a watch ended. */
type EndCause = "ended" | "empty" | "idle" | "expired" | "malformed" | "refused" | "error";

interface WatchEnd {
  readonly error?: KubeError;
  readonly lines: number;
  readonly livedMs: number;
}

class WatchingReflector<T> implements Reflector<T> {
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions<T>;
  readonly #timers: Timers;
  readonly #cache: ObjectCache<T>;
  #resolveSynced: () => void = () => {};
  #isSynced = false;
  #contactAt: number;
  /** Why a list has to come before the next watch. */
  #listCause: ListCause | undefined = "first";
  /** Where the next watch starts. */
  #version = "";
  #listedAt = 0;
  #relistMs = relistMsMax;
  #watchFailures = 0;
  #isTelling = false;
  #complaint = "";

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#contactAt = options.clock.monotonic();
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
    this.#cache = new ObjectCache<T>({
      transform: options.transform,
      faulted: (object, error) => {
        const { metrics, log, resource } = options;
        metrics.transformFaults.inc({ resource });
        log.error("an object cannot be read; its last good form is kept", { resource, object, error });
      },
    });
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  items(): ReadonlyMap<string, T> {
    return this.#cache.snapshot();
  }

  contactAgeMs(): number {
    return this.#options.clock.monotonic() - this.#contactAt;
  }

  start(signal: AbortSignal): void {
    const { metrics, resource, log } = this.#options;
    metrics.contactAgesMs.set(resource, () => this.contactAgeMs());
    this.#run(signal).catch((error: unknown) => log.error("a reflector has ended by a fault", { resource, error }));
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { random, metrics, resource } = this.#options;
    const backoff = createBackoff({ firstMs: retryMsFirst, maxMs: retryMsMax, random });
    const retry = (error: KubeError | undefined): Promise<void> =>
      pause(this.#timers, Math.max(backoff.nextMs(), error?.retryAfterMs ?? 0), signal);
    let healthyForMs = 0;
    while (!signal.aborted) {
      const failure = await this.#list(signal);
      if (signal.aborted) return;
      if (failure !== undefined) {
        healthyForMs = 0;
        metrics.listFailures.inc({ resource });
        this.#complain(failure);
        await retry(failure);
        continue;
      }
      const end = await this.#watch(signal);
      if (signal.aborted) return;
      const cause = causeOf(end);
      metrics.watchEnds.inc({ resource, cause });
      this.#afterWatch(cause, end.error);
      healthyForMs = cause === "ended" ? healthyForMs + end.livedMs : 0;
      if (healthyForMs >= healthyMs) backoff.reset();
      const isCircle = this.#listCause === undefined ? end.livedMs < circleMsMin : this.#isJustListed();
      if (isCircle || cause === "error" || cause === "refused") await retry(end.error);
    }
  }

  /** Reads the list when there is a cause to. Answers what went wrong. */
  async #list(signal: AbortSignal): Promise<KubeError | undefined> {
    const { transport, path, query = {}, metrics, resource, log, random } = this.#options;
    const cause = this.#listCause;
    if (cause === undefined) return undefined;
    metrics.lists.inc({ resource, cause });
    this.#listedAt = this.#options.clock.monotonic();
    try {
      const next = this.#cache.replacement();
      const page = (objects: readonly KubeObject[]): void => {
        this.#touch();
        next.add(objects);
      };
      this.#version = await readList({ transport, path, query, signal }, { page, restarted: () => next.clear() });
      const differs = next.complete();
      this.#listCause = undefined;
      this.#relistMs = relistMsMin + random() * (relistMsMax - relistMsMin);
      this.#watchFailures = 0;
      const isFirst = !this.#isSynced;
      this.#isSynced = true;
      this.#resolveSynced();
      if (differs || isFirst) this.#tell();
      log.debug("list read", { resource, cause, objects: this.#cache.size });
      return undefined;
    } catch (error) {
      return toKubeError(error, `list of ${resource}`);
    }
  }

  async #watch(signal: AbortSignal): Promise<WatchEnd> {
    const { transport, path, query, clock, random, resource } = this.#options;
    const seconds = watchSecondsMin + Math.floor(random() * (watchSecondsMax - watchSecondsMin + 1));
    const startedMs = clock.monotonic();
    let lines = 0;
    let error: KubeError | undefined;
    try {
      await transport.watch(
        {
          method: "GET",
          path,
          query: {
            ...query,
            watch: "true",
            allowWatchBookmarks: "true",
            resourceVersion: this.#version,
            timeoutSeconds: String(seconds),
          },
          signal,
          timeoutMs: this.#options.silenceMs ?? seconds * 1000 + silenceMsBeyond,
        },
        {
          opened: () => this.#touch(),
          line: (text) => {
            lines++;
            this.#take(text);
          },
        },
      );
    } catch (thrown) {
      error = toKubeError(thrown, `watch of ${resource}`);
    }
    return { lines, livedMs: clock.monotonic() - startedMs, ...(error === undefined ? {} : { error }) };
  }

  #take(line: string): void {
    const event = parseWatchEvent(line, this.#options.resource);
    this.#touch();
    switch (event.kind) {
      case "changed":
        this.#version = event.object.metadata.resourceVersion;
        if (this.#cache.put(event.object)) this.#tell();
        return;
      case "deleted":
        this.#version = event.object.metadata.resourceVersion;
        if (this.#cache.remove(event.object)) this.#tell();
        return;
      case "bookmark":
        this.#version = event.version;
        return;
      case "error":
        throw event.error;
    }
  }

  /** Whether the next watch may start where this one ended. In doubt the list is read: a missed delete is never found else. */
  #afterWatch(cause: EndCause, error: KubeError | undefined): void {
    const { metrics, resource, log } = this.#options;
    switch (cause) {
      case "ended":
        this.#watchFailures = 0;
        if (this.#complaint !== "") log.info("the API server is reached again", { resource });
        this.#complaint = "";
        if (this.#options.clock.monotonic() - this.#listedAt >= this.#relistMs) this.#listCause = "age";
        return;
      case "malformed":
        metrics.malformedLines.inc({ resource });
        this.#listCause = cause;
        return;
      case "expired":
      case "idle":
      case "empty":
        this.#listCause = cause;
        return;
      case "refused":
      case "error":
        this.#watchFailures++;
        if (this.#watchFailures >= watchFailuresMax || error?.code === "invalid") this.#listCause = "failing";
        return;
    }
  }

  #isJustListed(): boolean {
    return this.#options.clock.monotonic() - this.#listedAt < circleMsMin;
  }

  #touch(): void {
    this.#contactAt = this.#options.clock.monotonic();
  }

  #tell(): void {
    const { metrics, resource, changed, log } = this.#options;
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      metrics.objects.set({ resource }, this.#cache.size);
      try {
        changed();
      } catch (error) {
        log.error("a reader of changes has failed", { resource, error });
      }
    });
  }

  /** Once for each kind of failure, not for each failure. */
  #complain(error: KubeError): void {
    const { log, resource } = this.#options;
    const complaint = `${error.code} ${error.reason}`;
    log[complaint === this.#complaint ? "debug" : "warn"]("the API server is not followed", { resource, error });
    this.#complaint = complaint;
  }
}

function causeOf({ error, lines, livedMs }: WatchEnd): EndCause {
  if (error === undefined) return lines === 0 && livedMs < circleMsMin ? "empty" : "ended";
  switch (error.code) {
    case "gone":
      return "expired";
    case "malformed":
      return "malformed";
    case "timeout":
      return error.reason === "Silent" ? "idle" : "error";
    default:
      return error.status === 0 ? "error" : "refused";
  }
}
