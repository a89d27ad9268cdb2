import { setTimeout as sleep } from "node:timers/promises";
import type { BenchApi } from "./api.ts";
import { nowMs } from "./clock.ts";

const path = "/apis/picket.dev/v1alpha1/apipolicies";

interface Event {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly generation?: number; resourceVersion: string };
  };
}

/** Status writes of a stretch of time. */
export interface StatusWrites {
  readonly count: number;
  /** The most in one second. */
  readonly perSecondMax: number;
  /** The least time between two of one object; infinite when none was written twice. */
  readonly gapMsMin: number;
}

/** A watch of the policies beside the operator's own: when changes arrive, and how often status is written. */
export class PolicyWatch {
  readonly #api: BenchApi;
  readonly #ended = new AbortController();
  readonly #generations = new Map<string, number>();
  readonly #arrivals = new Map<string, number>();
  readonly #statusAt: { readonly name: string; readonly atMs: number }[] = [];
  #running: Promise<void> | undefined;

  constructor(api: BenchApi) {
    this.#api = api;
  }

  async start(): Promise<void> {
    const list = (await this.#api.request("GET", path)) as { readonly metadata: { readonly resourceVersion: string } };
    this.#running = this.#follow(list.metadata.resourceVersion);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  /** When the change of a policy to this generation arrived. */
  async arrival(name: string, generation: number): Promise<number> {
    for (;;) {
      const atMs = this.#arrivals.get(`${name} ${generation}`);
      if (atMs !== undefined) return atMs;
      await sleep(1);
    }
  }

  writes(sinceMs: number): StatusWrites {
    const bySecond = new Map<number, number>();
    const last = new Map<string, number>();
    let count = 0;
    let gapMsMin = Number.POSITIVE_INFINITY;
    for (const { name, atMs } of this.#statusAt) {
      const before = last.get(name);
      last.set(name, atMs);
      if (atMs < sinceMs) continue;
      count++;
      const second = Math.floor(atMs / 1000);
      bySecond.set(second, (bySecond.get(second) ?? 0) + 1);
      if (before !== undefined) gapMsMin = Math.min(gapMsMin, atMs - before);
    }
    return { count, gapMsMin, perSecondMax: Math.max(0, ...bySecond.values()) };
  }

  async #follow(from: string): Promise<void> {
    let version = from;
    while (!this.#ended.signal.aborted) {
      try {
        await this.#api.watch(
          {
            method: "GET",
            path,
            query: { watch: "true", resourceVersion: version, timeoutSeconds: "300", allowWatchBookmarks: "true" },
            signal: this.#ended.signal,
            timeoutMs: 400_000,
          },
          { line: (line) => (version = this.#take(line)) },
        );
      } catch (error) {
        if (!this.#ended.signal.aborted) throw error;
      }
    }
  }

  #take(line: string): string {
    const atMs = nowMs();
    const { type, object } = JSON.parse(line) as Event;
    const { name, generation = 0, resourceVersion } = object.metadata;
    if (type !== "MODIFIED" && type !== "ADDED") return resourceVersion;
    if (this.#generations.get(name) === generation) this.#statusAt.push({ name, atMs });
    else if (this.#generations.has(name) || type === "ADDED") this.#arrivals.set(`${name} ${generation}`, atMs);
    else if (generation === 1) this.#statusAt.push({ name, atMs });
    else this.#arrivals.set(`${name} ${generation}`, atMs);
    this.#generations.set(name, generation);
    return resourceVersion;
  }
}
