import { Bootstrap } from "../../../protos/gen/envoy/config/bootstrap/v3/bootstrap.ts";
import { ApiConfigSource_ApiType, ApiVersion } from "../../../protos/gen/envoy/config/core/v3/config_source.ts";
import { DownstreamConnectionsConfig } from "../../../protos/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.ts";
import { FixedHeapConfig } from "../../../protos/gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Resource } from "../resource.ts";
import type { Cluster } from "../../../protos/gen/envoy/config/cluster/v3/cluster.ts";
import { addressOf } from "./address.ts";
import { encodeResource } from "./any.ts";
import { pack } from "./any.ts";
import { base, http2 } from "./clusters.ts";
import { milliseconds } from "./duration.ts";
import { xdsCluster } from "./names.ts";
import { adminCluster, pageListeners } from "./pages.ts";
import { tlsTo, withToken } from "./secured.ts";

/** Heap at which the proxy starts to refuse; a request for memory of twice that leaves room for the program itself. */
const heapMaxBytes = 192 * 1024 * 1024;

/** Time for a connection to the operator, as long as the operator gives a handshake: it may be busy with a thousand. */
const connectMs = 5_000;

/** Connections of clients that one proxy serves at a time. */
const connectionsMax = 10_000;

/** Instructions of one compiled expression. Envoy's own bound of 100 refuses path templates of 95 characters. */
export const regexProgramSizeMax = 16_384;

/** Everything else of the admin interface answers 403: configuration, heap and runtime stay shut. */
const adminPaths = [
  { matchPattern: { $case: "exact" as const, exact: "/ready" } },
  { matchPattern: { $case: "prefix" as const, prefix: "/stats" } },
  { matchPattern: { $case: "prefix" as const, prefix: "/drain_listeners" } },
  { matchPattern: { $case: "exact" as const, exact: "/healthcheck/fail" } },
  { matchPattern: { $case: "exact" as const, exact: "/quitquitquit" } },
  { matchPattern: { $case: "exact" as const, exact: "/memory" } },
];

export interface BootstrapOptions {
  /** Absent: the command line names the node, so that one text serves every pod. */
  readonly node?: { readonly id: string; readonly cluster: string };
  /** Socket or loopback: whoever reaches it can stop the proxy. */
  readonly admin: Endpoint;
  /** Where the operator serves delta ADS. With TLS, the pod's token is sent along. */
  readonly xds: Endpoint;
  /** Present in a pod: where kubelet and Prometheus come to. */
  readonly pages?: { readonly readyPort: number; readonly statsPort: number };
}

/** What Envoy is started with. Holds no secret: Envoy prints it when it cannot start. */
export function bootstrap(options: BootstrapOptions): Resource {
  const byAds = {
    configSourceSpecifier: { $case: "ads" as const, ads: {} },
    resourceApiVersion: ApiVersion.V3,
    // For ever: not ready before a configuration came.
    initialFetchTimeout: milliseconds(0),
  };
  return encodeResource(Bootstrap, "bootstrap", {
    ...(options.node !== undefined && { node: options.node }),
    admin: { address: addressOf(options.admin), allowPaths: adminPaths },
    layeredRuntime: {
      layers: [
        {
          name: "picket_static",
          layerSpecifier: {
            $case: "staticLayer",
            staticLayer: {
              // Off by default: without it a chunk may end with something else than CRLF.
              "envoy.reloadable_features.strict_chunk_parsing": true,
              "re2.max_program_size.error_level": regexProgramSizeMax,
              // One connection's pipelined requests must not starve the others.
              "http.max_requests_per_io_cycle": 10,
            },
          },
        },
      ],
    },
    overloadManager: overload(),
    dynamicResources: {
      ldsConfig: byAds,
      cdsConfig: byAds,
      adsConfig: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [
          {
            targetSpecifier: {
              $case: "envoyGrpc",
              envoyGrpc: {
                clusterName: xdsCluster,
                // Envoy's own goes up to 30 s, a long time for a policy to wait.
                retryPolicy: { retryBackOff: { baseInterval: milliseconds(500), maxInterval: milliseconds(5000) } },
              },
            },
          },
        ],
      },
    },
    staticResources: {
      listeners: options.pages === undefined ? [] : pageListeners(options.pages),
      clusters: [
        xdsClusterOf(options.xds),
        ...(options.pages === undefined
          ? []
          : [{ ...base(adminCluster, options.admin), connectTimeout: milliseconds(1000) }]),
      ],
    },
  });
}

function xdsClusterOf(xds: Endpoint): Parameters<typeof Cluster.fromPartial>[0] {
  const serverName = xds.kind === "address" ? xds.serverName : undefined;
  return {
    ...base(xdsCluster, xds),
    connectTimeout: milliseconds(connectMs),
    ...(serverName !== undefined && { transportSocket: tlsTo(serverName) }),
    typedExtensionProtocolOptions: http2({
      keepAliveMs: 30_000,
      filters: serverName === undefined ? [] : withToken(),
    }),
  };
}

function overload(): Parameters<typeof Bootstrap.fromPartial>[0]["overloadManager"] {
  const heap = "envoy.resource_monitors.fixed_heap";
  const above = (name: string, value: number) => ({
    name: `envoy.overload_actions.${name}`,
    triggers: [{ name: heap, triggerOneof: { $case: "threshold" as const, threshold: { value } } }],
  });
  return {
    refreshInterval: milliseconds(250),
    resourceMonitors: [
      {
        name: heap,
        configType: { $case: "typedConfig", typedConfig: pack(FixedHeapConfig, { maxHeapSizeBytes: heapMaxBytes }) },
      },
      {
        name: "envoy.resource_monitors.global_downstream_max_connections",
        configType: {
          $case: "typedConfig",
          typedConfig: pack(DownstreamConnectionsConfig, { maxActiveDownstreamConnections: connectionsMax }),
        },
      },
    ],
    actions: [above("shrink_heap", 0.9), above("disable_http_keepalive", 0.92), above("stop_accepting_requests", 0.98)],
  };
}
