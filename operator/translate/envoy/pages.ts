import type { Listener } from "../../../protos/gen/envoy/config/listener/v3/listener.ts";
import type { Route } from "../../../protos/gen/envoy/config/route/v3/route_components.ts";
import { HealthCheck } from "../../../protos/gen/envoy/extensions/filters/http/health_check/v3/health_check.ts";
import {
  HttpConnectionManager,
  type HttpFilter,
} from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { addressOf } from "./address.ts";
import { pack } from "./any.ts";
import { milliseconds } from "./duration.ts";
import { routerFilter } from "./filters/router.ts";

type PartialListener = Parameters<typeof Listener.fromPartial>[0];
type PartialRoute = Parameters<typeof Route.fromPartial>[0];

/** The proxy's own administration, as a cluster: only its statistics are served from it. */
export const adminCluster = "picket_admin";

/** Connections that one page takes at a time: kubelet and Prometheus are few. */
const pageConnectionBufferBytes = 16_384;

/** Listeners of a pod's proxy that carry no request of a caller: is it ready, and what did it count. */
export function pageListeners(pages: { readonly readyPort: number; readonly statsPort: number }): PartialListener[] {
  const stats: PartialRoute = {
    name: "stats",
    match: { pathSpecifier: { $case: "path", path: "/stats/prometheus" }, headers: [isGet] },
    action: { $case: "route", route: { clusterSpecifier: { $case: "cluster", cluster: adminCluster } } },
  };
  return [
    pageListener("picket_ready", pages.readyPort, { filters: [healthPage("/ready", [])], routes: [] }),
    pageListener("picket_stats", pages.statsPort, { filters: [], routes: [stats] }),
  ];
}

const isGet = {
  name: ":method",
  headerMatchSpecifier: {
    $case: "stringMatch" as const,
    stringMatch: { matchPattern: { $case: "exact" as const, exact: "GET" } },
  },
};

/** A page that answers 200 while the clusters are healthy and the proxy is not draining; 503 otherwise. */
export function healthPage(path: string, clusters: readonly string[]): HttpFilter {
  return {
    name: `page ${path}`,
    isOptional: false,
    disabled: false,
    configType: {
      $case: "typedConfig",
      typedConfig: pack(HealthCheck, {
        passThroughMode: false,
        clusterMinHealthyPercentages: Object.fromEntries(clusters.map((name) => [name, { value: 100 }])),
        headers: [
          isGet,
          {
            name: ":path",
            headerMatchSpecifier: {
              $case: "stringMatch",
              stringMatch: { matchPattern: { $case: "exact", exact: path } },
            },
          },
        ],
      }),
    },
  };
}

export interface PageOptions {
  readonly filters: readonly HttpFilter[];
  readonly routes: readonly PartialRoute[];
}

/** A listener on every address that serves the given pages and 404. */
export function pageListener(name: string, port: number, { filters, routes }: PageOptions): PartialListener {
  const nothing: PartialRoute = {
    name: "nothing",
    match: { pathSpecifier: { $case: "prefix", prefix: "/" } },
    action: { $case: "directResponse", directResponse: { status: 404 } },
  };
  return {
    name,
    address: addressOf({ kind: "address", host: "0.0.0.0", port }),
    perConnectionBufferLimitBytes: pageConnectionBufferBytes,
    enableReusePort: false,
    // Kubelet must come through when callers have taken every connection.
    ignoreGlobalConnLimit: true,
    filterChains: [
      {
        filters: [
          {
            name: "hcm",
            configType: {
              $case: "typedConfig",
              typedConfig: pack(HttpConnectionManager, {
                statPrefix: name,
                httpFilters: [...filters, routerFilter()],
                requestHeadersTimeout: milliseconds(5_000),
                requestTimeout: milliseconds(10_000),
                streamIdleTimeout: milliseconds(10_000),
                commonHttpProtocolOptions: { idleTimeout: milliseconds(60_000), maxHeadersCount: 50 },
                maxRequestHeadersKb: 8,
                routeSpecifier: {
                  $case: "routeConfig",
                  routeConfig: { name, virtualHosts: [{ name: "page", domains: ["*"], routes: [...routes, nothing] }] },
                },
              }),
            },
          },
        ],
      },
    ],
  };
}
