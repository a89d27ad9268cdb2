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
    for (const chain of namedIn(resource).chains) {
      checkChain(chain);
      for (const { name, isDiscovered } of chain) {
        filters.add(name);
        if (isDiscovered) discovered.push(name);
      }
    }
  }
  const delivered = new Set(built.extensions.map((extension) => extension.name));
  for (const name of discovered) {
    if (!delivered.has(name)) throw new BrokenResources(`filter ${name} has no configuration`);
  }
  const clusters = new Set([...sharedClusters, ...built.clusters.map((cluster) => cluster.name)]);
  for (const resource of [...built.listeners, ...built.routes, ...built.extensions]) {
    const named = namedIn(resource);
    for (const name of named.filters) {
      if (!filters.has(name))
        throw new BrokenResources(`${resource.name} names the filter ${name}, which no listener has`);
    }
    for (const name of named.clusters) {
      if (!clusters.has(name))
        throw new BrokenResources(`${resource.name} names the cluster ${name}, which does not exist`);
    }
    if (named.clearsRoute) throw new BrokenResources(`${resource.name} clears the route that was judged`);
  }
}

interface Filter {
  readonly name: string;
  readonly disabled: boolean;
  readonly isDiscovered: boolean;
}

/** What a resource says that can be wrong. */
interface Named {
  readonly chains: readonly (readonly Filter[])[];
  readonly filters: ReadonlySet<string>;
  readonly clusters: ReadonlySet<string>;
  readonly clearsRoute: boolean;
}

/** By resource, which never changes: a listener stays the same under many policies, and is the largest of all. */
const known = new WeakMap<Resource, Named>();

function namedIn(resource: Resource): Named {
  const before = known.get(resource);
  if (before !== undefined) return before;
  const chains: Filter[][] = [];
  const filters = new Set<string>();
  const clusters = new Set<string>();
  let clearsRoute = false;
  visit(unpack(pairOf(resource)), (key, value) => {
    if (key === "httpFilters" && Array.isArray(value)) chains.push(value.filter(isRecord).map(filterOf));
    if (key === "typedPerFilterConfig" && isRecord(value)) for (const name of Object.keys(value)) filters.add(name);
    if ((key === "cluster" || key === "clusterName") && typeof value === "string") clusters.add(value);
    if (key === "clearRouteCache" && value === true) clearsRoute = true;
  });
  const named = { chains, filters, clusters, clearsRoute };
  known.set(resource, named);
  return named;
}

function filterOf({ name, disabled, configType }: Readonly<Record<string, unknown>>): Filter {
  const isDiscovered = isRecord(configType) && configType.$case === "configDiscovery";
  return { name: String(name), disabled: disabled === true, isDiscovered };
}

/** Closed, then open, then the router, and nothing else at the end; the closed one on, the open one off. */
function checkChain(chain: readonly Filter[]): void {
  const [closed, open, router] = chain.slice(-3);
  const isRight =
    closed?.name.startsWith("picket.authz.closed") === true &&
    !closed.disabled &&
    open?.name.startsWith("picket.authz.open") === true &&
    open.disabled &&
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
