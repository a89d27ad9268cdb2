import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderJson } from "../../../operator/translate/envoy/any.ts";
import { bootstrap } from "../../../operator/translate/envoy/bootstrap.ts";
import type { EnvoyResources, Resource } from "../../../operator/translate/resource.ts";

interface Json {
  [key: string]: unknown;
}

/** A bootstrap for a lone Envoy with everything inside, routes and filters too: what `--mode validate` reads whole. */
export function bootstrapInline(resources: readonly EnvoyResources[]): Json {
  const discovered = new Map<string, Json>();
  for (const part of resources) {
    for (const resource of part.routes) discovered.set(`routes ${resource.name}`, json(resource));
    for (const resource of part.extensions) discovered.set(`filter ${resource.name}`, json(resource));
  }
  return lone(resources, "/nowhere", (found) => {
    const inside = discovered.get(`${found.kind} ${found.name}`);
    if (inside === undefined) throw new Error(`nothing is delivered for ${found.kind} ${found.name}`);
    return found.kind === "routes" ? { routeConfig: inside } : { typedConfig: inside.typedConfig };
  });
}

/** A bootstrap for a lone Envoy that takes routes and filters from files in a folder, as it would by RDS and ECDS. */
export function bootstrapOnFiles(folder: string, resources: readonly EnvoyResources[], adminSocket: string): Json {
  mkdirSync(folder, { recursive: true });
  for (const part of resources) writeDiscovered(folder, part);
  return lone(resources, adminSocket, (found) => {
    const configSource = {
      pathConfigSource: { path: join(folder, fileOf(found.kind, found.name)) },
      resourceApiVersion: "V3",
      initialFetchTimeout: "0s",
    };
    const key = found.kind === "routes" ? "rds" : "configDiscovery";
    return { [key]: { ...found.source, configSource } };
  });
}

/** Writes what a proxy would get by RDS and ECDS; a proxy that runs takes the change. */
export function writeDiscovered(folder: string, resources: EnvoyResources): void {
  const kinds = [
    ...resources.routes.map((one) => ["routes", one] as const),
    ...resources.extensions.map((one) => ["filter", one] as const),
  ];
  for (const [kind, resource] of kinds) {
    const path = join(folder, fileOf(kind, resource.name));
    const response = { versionInfo: resource.version, resources: [{ "@type": resource.typeUrl, ...json(resource) }] };
    // Envoy sees a file that is moved into place, not one that is written.
    writeFileSync(`${path}.new`, JSON.stringify(response));
    renameSync(`${path}.new`, path);
  }
}

interface Discovered {
  readonly kind: "routes" | "filter";
  readonly name: string;
  readonly source: Json;
}

function lone(resources: readonly EnvoyResources[], adminSocket: string, replace: (found: Discovered) => Json): Json {
  const start = renderJson(
    bootstrap({
      node: { id: "test", cluster: "test" },
      admin: { kind: "socket", path: adminSocket },
      xds: { kind: "address", host: "127.0.0.1", port: 1 },
    }),
  ) as Json;
  delete start.dynamicResources;
  start.staticResources = {
    clusters: resources.flatMap((part) => part.clusters.map(json)),
    listeners: resources.flatMap((part) => part.listeners.map((listener) => withoutAds(json(listener), replace))),
  };
  return start;
}

function withoutAds(value: unknown, replace: (found: Discovered) => Json): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutAds(item, replace));
  if (!isJson(value)) return value;
  const printed: Json = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === "rds" && isJson(item)) {
      Object.assign(printed, replace({ kind: "routes", name: String(item.routeConfigName), source: item }));
    } else if (key === "configDiscovery" && isJson(item)) {
      Object.assign(printed, replace({ kind: "filter", name: String(value.name), source: item }));
    } else printed[key] = withoutAds(item, replace);
  }
  return printed;
}

function json(resource: Resource): Json {
  return renderJson(resource) as Json;
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fileOf(kind: string, name: string): string {
  return `${kind}-${name.replaceAll(/[^A-Za-z0-9.]/g, "_")}.json`;
}
