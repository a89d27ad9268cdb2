import type { EpochMs, Millis } from "../../core/limits/time.ts";
import type { Log } from "../../platform/log.ts";
import type { AdsServer } from "../xds/server.ts";
import { routeType } from "../xds/type-urls.ts";
import type { Resource } from "../translate/resource.ts";
import { hashText } from "./generation.ts";
import { proxyGroup, scorerGroup, type Plan } from "./plan.ts";
import { isSameList } from "./same-list.ts";

/**
 * How long a configuration that would take most ports away from connected proxies is held back. A cache that lost half
 * of its objects is the likelier reason than a user who meant it, and waiting costs nothing: what is in force stays.
 */
export const confirmMs: Millis = 5_000;

interface Published {
  readonly resources: readonly Resource[];
  readonly version: string;
  readonly ports: number;
}

interface Held {
  readonly version: string;
  readonly sinceMs: EpochMs;
}

export interface Publication {
  readonly changed: boolean;
  /** When to publish again because something is held back. */
  readonly nextMs: EpochMs | undefined;
}

/** Hands plans to the ADS server: only what differs, nothing that looks like a loss before it is confirmed. */
export class Publisher {
  readonly #ads: Pick<AdsServer, "publish" | "published" | "retire">;
  readonly #log: Log;
  readonly #published = new Map<string, Published>();
  readonly #held = new Map<string, Held>();

  constructor(ads: Pick<AdsServer, "publish" | "published" | "retire">, log: Log) {
    this.#ads = ads;
    this.#log = log;
  }

  publish(plan: Plan, nowMs: EpochMs): Publication {
    // Scorers first: a proxy that asks about a workload should find somebody who knows it.
    const scorers = plan.workloads.flatMap(({ scorer }) => scorer);
    let changed = this.#publishGroup(scorerGroup, scorers, nowMs);
    for (const [group, resources] of plan.groups) changed = this.#publishGroup(group, resources, nowMs) || changed;
    for (const group of this.#ads.published()) {
      if (group === scorerGroup || plan.groups.has(group)) continue;
      // Whoever is still connected keeps what it has; a proxy whose pod is gone goes by itself.
      if (this.#ads.retire(group)) this.#published.delete(group);
    }
    for (const group of this.#held.keys()) if (!plan.groups.has(group)) this.#held.delete(group);
    const waits = [...this.#held.values()].map(({ sinceMs }) => sinceMs + confirmMs);
    return { changed, nextMs: waits.length === 0 ? undefined : Math.min(...waits) };
  }

  #publishGroup(group: string, resources: readonly Resource[], nowMs: EpochMs): boolean {
    const before = this.#published.get(group);
    if (before !== undefined && isSameList(before.resources, resources)) {
      this.#held.delete(group);
      return false;
    }
    const version = hashText(resources.map((one) => `${one.typeUrl} ${one.name} ${one.version}`).join("\n"));
    if (before?.version === version) {
      this.#held.delete(group);
      return false;
    }
    const ports = resources.filter(({ typeUrl }) => typeUrl === routeType).length;
    if (before !== undefined && this.#isLoss(group, before.ports, ports) && !this.#isConfirmed(group, version, nowMs)) {
      return false;
    }
    this.#held.delete(group);
    this.#ads.publish(group, resources);
    this.#published.set(group, { resources, version, ports });
    return true;
  }

  /** In a folder people take workloads away on purpose, by hand; there it is done at once. */
  #isLoss(group: string, before: number, now: number): boolean {
    return group !== proxyGroup && group !== scorerGroup && now * 2 < before;
  }

  #isConfirmed(group: string, version: string, nowMs: EpochMs): boolean {
    const held = this.#held.get(group);
    if (held?.version === version) return nowMs - held.sinceMs >= confirmMs;
    this.#held.set(group, { version, sinceMs: nowMs });
    this.#log.warn("a change would take most ports away from proxies; it is held back until it is confirmed", {
      group,
    });
    return false;
  }
}
