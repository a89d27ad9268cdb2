import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { KubeError } from "./error.ts";
import { readLease, type LeaseRecord } from "./lease-record.ts";
import type { KubeMetrics } from "./metrics.ts";
import { microTime } from "./micro-time.ts";
import { listPath, objectPath } from "./resource-path.ts";
import { pause, systemTimers, type Timers } from "./timers.ts";
import type { KubeTransport } from "./transport.ts";

/** How long others wait after the last renewal that they saw, before they take the lease. */
export const leaseSeconds = 15;

/** How long the holder leads after its last renewal. The difference to the above is its time to stop. */
export const renewMsMax = 10_000;

/** Time between two tries, of the holder and of the others. Jitter makes it up to a fifth longer. */
export const tryMs = 2_000;

/** Time for one request: a renewal has to have a second chance. */
const requestMs = 4_000;

/** Longest that what follows from leading may take to stop before the lease is given up on purpose. */
const handOverMsMax = 5_000;

export interface Lease {
  start(signal: AbortSignal): void;
  /** True only while nobody else can hold the lease, whatever the timers do. */
  readonly isLeader: boolean;
  /** Resolves when the signal was given, leading has ended and the lease is free for others. */
  readonly stopped: Promise<void>;
}

export interface LeaseOptions {
  readonly transport: KubeTransport;
  readonly namespace: string;
  readonly name: string;
  /** Of this process, never of an earlier one: the pod's name and something random. */
  readonly identity: string;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly log: Log;
  /** This replica leads. */
  readonly gained: () => void;
  /** This replica does not lead any more; called while nobody else can yet. A hand-over waits for its promise. */
  readonly lost: () => void | Promise<void>;
  readonly metrics?: KubeMetrics;
  readonly timers?: Timers;
}

/** Leader election by a Lease: compare and swap by resourceVersion, time by this process's own clock only. */
export function createLease(options: LeaseOptions): Lease {
  return new ElectedLease(options);
}

/** A moment on both clocks: the monotonic one stands still while the machine sleeps, the wall clock may be set. */
interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

class ElectedLease implements Lease {
  readonly stopped: Promise<void>;
  readonly #options: LeaseOptions;
  readonly #timers: Timers;
  readonly #ref: { apiVersion: string; kind: string; namespace: string; name: string };
  #resolveStopped: () => void = () => {};
  /** When the last renewal was sent that succeeded; undefined: this replica does not lead. */
  #renewed: Moment | undefined;
  /** What followed from leading has not ended yet: the lease is not taken again before. */
  #isStopping = false;
  /** Ends leading on time, however long a request takes. */
  #cancelDeadline: () => void = () => {};
  /** The record as it was last seen, and since when it has not changed. */
  #seen: { readonly record: LeaseRecord; readonly sinceMs: number } | undefined;
  #complaint = "";

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#ref = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      namespace: options.namespace,
      name: options.name,
    };
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  get isLeader(): boolean {
    return this.#renewed !== undefined && this.#sinceMs(this.#renewed) < renewMsMax;
  }

  start(signal: AbortSignal): void {
    this.#options.metrics?.leader.set(0);
    this.#run(signal)
      .catch((error: unknown) => this.#options.log.error("the election has ended by a fault", { error }))
      .finally(() => this.#resolveStopped());
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!signal.aborted) {
      await this.#try(signal);
      await pause(this.#timers, tryMs * (1 + random() / 5), signal);
    }
    await this.#release();
  }

  /** One try to get or to keep the lease. */
  async #try(signal: AbortSignal): Promise<void> {
    try {
      const record = await this.#read(signal);
      if (signal.aborted) return;
      const { identity } = this.#options;
      if (record !== undefined) this.#see(record);
      const isOurs = record?.holder === identity;
      if (record !== undefined && !isOurs) void this.#lose("another replica holds it");
      const isFree = record === undefined || isOurs || this.#isFree(record);
      if (isFree && !this.#isStopping) await this.#take(record, signal);
      this.#complaint = "";
    } catch (error) {
      if (signal.aborted) return;
      // A conflict is the rule of the game: somebody else was faster.
      if (!(error instanceof KubeError && error.code === "conflict")) this.#complain(error);
    }
  }

  async #read(signal: AbortSignal): Promise<LeaseRecord | undefined> {
    try {
      return readLease(
        await this.#options.transport.request({
          method: "GET",
          path: objectPath(this.#ref),
          urgent: true,
          timeoutMs: requestMs,
          signal,
        }),
      );
    } catch (error) {
      if (error instanceof KubeError && error.code === "not-found") return undefined;
      throw error;
    }
  }

  #see(record: LeaseRecord): void {
    if (this.#seen?.record.resourceVersion === record.resourceVersion) return;
    this.#seen = { record, sinceMs: this.#options.clock.monotonic() };
  }

  /** Times in the record are of other machines' clocks: only that it has not changed for its whole length counts. */
  #isFree(record: LeaseRecord): boolean {
    if (record.holder === "") return true;
    const sinceMs = this.#seen?.sinceMs ?? this.#options.clock.monotonic();
    return this.#options.clock.monotonic() - sinceMs >= record.seconds * 1000;
  }

  async #take(record: LeaseRecord | undefined, signal: AbortSignal): Promise<void> {
    const { transport, identity, clock, log } = this.#options;
    const sent: Moment = { monotonicMs: clock.monotonic(), wallMs: clock.now() };
    const now = microTime(sent.wallMs);
    const isOurs = record?.holder === identity;
    const spec = {
      ...record?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: leaseSeconds,
      renewTime: now,
      acquireTime: isOurs ? (record.spec.acquireTime ?? now) : now,
      leaseTransitions: (record?.transitions ?? 0) + (isOurs || record === undefined ? 0 : 1),
    };
    const answer = await this.#write(record, spec, { transport, signal });
    this.#see(readLease(answer));
    // It may have taken so long that leading has ended, or that it would have.
    if (signal.aborted || this.#sinceMs(sent) >= renewMsMax) return;
    const isNew = this.#renewed === undefined;
    this.#renewed = sent;
    this.#cancelDeadline();
    this.#cancelDeadline = this.#timers.after(renewMsMax - this.#sinceMs(sent), () => {
      void this.#lose("it could not be renewed in time");
    });
    if (!isNew) return;
    log.info("this replica leads", { lease: this.#ref.name });
    this.#count("gained", 1);
    this.#options.gained();
  }

  #write(
    record: LeaseRecord | undefined,
    spec: Readonly<Record<string, unknown>>,
    by: { readonly transport: KubeTransport; readonly signal?: AbortSignal },
  ): Promise<unknown> {
    const { apiVersion, kind, namespace, name } = this.#ref;
    return by.transport.request({
      ...(record === undefined
        ? {
            method: "POST",
            path: listPath(this.#ref),
            body: { apiVersion, kind, metadata: { name, namespace }, spec },
          }
        : {
            method: "PUT",
            path: objectPath(this.#ref),
            // Invariant: the resourceVersion that was read goes along, so of two writers one is refused.
            body: { apiVersion, kind, metadata: record.metadata, spec },
          }),
      urgent: true,
      timeoutMs: requestMs,
      ...(by.signal === undefined ? {} : { signal: by.signal }),
    });
  }

  async #lose(why: string): Promise<void> {
    if (this.#renewed === undefined) return;
    this.#renewed = undefined;
    this.#cancelDeadline();
    this.#options.log.warn("this replica does not lead any more", { lease: this.#ref.name, why });
    this.#count("lost", 0);
    this.#isStopping = true;
    try {
      await this.#options.lost();
    } catch (error) {
      this.#options.log.error("what follows from leading could not be stopped", { error });
    }
    this.#isStopping = false;
  }

  /** Stops leading, then frees the lease, so that others need not wait for its end. */
  async #release(): Promise<void> {
    if (this.#renewed === undefined) return;
    const renewed = this.#renewed;
    const hasStopped = await this.#inTime(this.#lose("it is handed over"));
    const record = this.#seen?.record;
    if (!hasStopped || record?.holder !== this.#options.identity) return;
    if (this.#sinceMs(renewed) >= leaseSeconds * 1000) return;
    try {
      const spec = {
        ...record.spec,
        holderIdentity: "",
        leaseDurationSeconds: 1,
        renewTime: microTime(this.#options.clock.now()),
      };
      await this.#write(record, spec, { transport: this.#options.transport });
    } catch (error) {
      this.#options.log.warn("the lease could not be freed; others wait for its end", { error });
    }
  }

  async #inTime(work: Promise<void>): Promise<boolean> {
    const stop = new AbortController();
    const late = pause(this.#timers, handOverMsMax, stop.signal).then(() => false);
    const inTime = await Promise.race([work.then(() => true), late]);
    stop.abort();
    return inTime;
  }

  #sinceMs(moment: Moment): number {
    const { clock } = this.#options;
    return Math.max(clock.monotonic() - moment.monotonicMs, clock.now() - moment.wallMs);
  }

  #count(change: "gained" | "lost", leads: 0 | 1): void {
    this.#options.metrics?.leaderChanges.inc({ change });
    this.#options.metrics?.leader.set(leads);
  }

  #complain(error: unknown): void {
    const { log } = this.#options;
    const complaint = error instanceof KubeError ? `${error.code} ${error.reason}` : "fault";
    log[complaint === this.#complaint ? "debug" : "warn"]("the lease is not reached", { lease: this.#ref.name, error });
    this.#complaint = complaint;
  }
}
