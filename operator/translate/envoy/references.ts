import type { Resource } from "../resource.ts";
import { unpack } from "./any.ts";
import { routerFilter } from "./names.ts";

/** A bug of ours in resources that were just built. Envoy would accept most of these in silence. */
export class BrokenResources extends Error {
  readonly code = "broken-resources";
}

interface Built {
  readonly listeners: readonly Resource[];
  readonly routes: readonly Resource[];
  readonly extensions: readonly Resource[];
  readonly clusters: readonly Resource[];
}

/**
 * Checks what Envoy does not: that routes name filters that the listener has, that clusters exist wherever one is
 * named, that every filter by ECDS is delivered, and that nothing stands between the authz filters and the router.
 */
export function checkReferences(built: Built, sharedClusters: readonly string[]): void {
  const filters = new Set<string>();
  const discovered: string[] = [];
  for (const resource of built.listeners) {
    visit(unpack(pairOf(resource)), (key, value) => {
      if (key !== "httpFilters" || !Array.isArray(value)) return;
      const chain = value.filter(isRecord);
      checkChain(chain);
      for (const filter of chain) {
        filters.add(String(filter.name));
        if (isRecord(filter.configType) && filter.configType.$case === "configDiscovery")
          discovered.push(String(filter.name));
      }
    });
  }
  const delivered = new Set(built.extensions.map((extension) => extension.name));
  for (const name of discovered) {
    if (!delivered.has(name)) throw new BrokenResources(`filter ${name} has no configuration`);
  }
  const clusters = new Set([...sharedClusters, ...built.clusters.map((cluster) => cluster.name)]);
  for (const resource of [...built.listeners, ...built.routes, ...built.extensions]) {
    visit(unpack(pairOf(resource)), (key, value) => {
      if (key === "typedPerFilterConfig" && isRecord(value)) {
        for (const name of Object.keys(value)) {
          if (!filters.has(name))
            throw new BrokenResources(`${resource.name} names the filter ${name}, which no listener has`);
        }
      }
      if ((key === "cluster" || key === "clusterName") && typeof value === "string" && !clusters.has(value)) {
        throw new BrokenResources(`${resource.name} names the cluster ${value}, which does not exist`);
      }
      if (key === "clearRouteCache" && value === true) {
        throw new BrokenResources(`${resource.name} clears the route that was judged`);
      }
    });
  }
}

/** Closed, then open, then the router, and nothing else at the end; the closed one on, the open one off. */
function checkChain(chain: readonly Record<string, unknown>[]): void {
  const [closed, open, router] = chain.slice(-3);
  const isRight =
    String(closed?.name).startsWith("picket.authz.closed") &&
    closed?.disabled === false &&
    String(open?.name).startsWith("picket.authz.open") &&
    open?.disabled === true &&
    router?.name === routerFilter;
  if (!isRight) throw new BrokenResources("the filter chain does not end with the authz filters and the router");
}

function pairOf(resource: Resource): { typeUrl: string; value: Uint8Array } {
  return { typeUrl: resource.typeUrl, value: resource.bytes };
}

/** Every field of a message, through oneofs, maps, lists and everything packed. */
function visit(value: unknown, see: (key: string, value: unknown) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, see);
    return;
  }
  if (!isRecord(value)) return;
  if (typeof value.typeUrl === "string" && value.value instanceof Uint8Array) {
    visit(unpack({ typeUrl: value.typeUrl, value: value.value }), see);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    see(key, item);
    visit(item, see);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
