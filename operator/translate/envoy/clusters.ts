import type { Workload } from "../../../core/policy/identity.ts";
import {
  Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
} from "../../../protos/gen/envoy/config/cluster/v3/cluster.ts";
import { HttpProtocolOptions } from "../../../protos/gen/envoy/extensions/upstreams/http/v3/http_protocol_options.ts";
import type { Any } from "../../../protos/gen/google/protobuf/any.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Resource } from "../resource.ts";
import { addressOf, isLiteral, literalOf } from "./address.ts";
import { encodeResource, pack } from "./any.ts";
import { milliseconds } from "./duration.ts";
import { accessLogCluster, namesOf, scorerCluster } from "./names.ts";
import { tlsTo } from "./secured.ts";

type Partial = Parameters<typeof Cluster.fromPartial>[0];
type PartialFilter = NonNullable<Parameters<typeof HttpProtocolOptions.fromPartial>[0]["httpFilters"]>[number];

/** Service name under which the scorer answers gRPC health checks. */
export const scorerHealthService = "picket.scorer";

/** The application behind a workload. No retries: whether a call may be repeated is the caller's to know. */
export function upstreamCluster(workload: Workload): Resource {
  const name = namesOf(workload).upstream;
  return encodeResource(Cluster, name, {
    ...base(name, { kind: "address", ...workload.upstream }),
    connectTimeout: milliseconds(1000),
    perConnectionBufferLimitBytes: 1_048_576,
    ...(workload.cluster?.protocol === "http2" && {
      typedExtensionProtocolOptions: http2({ keepAliveMs: 30_000 }),
    }),
    circuitBreakers: {
      thresholds: [{ maxConnections: 10_000, maxPendingRequests: 10_000, maxRequests: 10_000, maxRetries: 0 }],
    },
  });
}

/** The scorers. A dead one is found by probes, since Envoy does not retry a Check. */
export function scorerClusterOf(endpoint: Endpoint): Resource {
  return encodeResource(Cluster, scorerCluster, {
    ...base(scorerCluster, endpoint),
    ...tlsOf(endpoint),
    connectTimeout: milliseconds(250),
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    circuitBreakers: {
      thresholds: [{ maxRequests: 2000, maxPendingRequests: 500, maxConnections: 16, trackRemaining: true }],
    },
    typedExtensionProtocolOptions: http2({ keepAliveMs: 5000 }),
    healthChecks: [
      {
        timeout: milliseconds(500),
        interval: milliseconds(1000),
        noTrafficInterval: milliseconds(1000),
        unhealthyThreshold: 2,
        healthyThreshold: 1,
        healthChecker: { $case: "grpcHealthCheck", grpcHealthCheck: { serviceName: scorerHealthService } },
      },
    ],
    outlierDetection: {
      splitExternalLocalOriginErrors: true,
      consecutiveLocalOriginFailure: 2,
      interval: milliseconds(500),
      baseEjectionTime: milliseconds(2000),
      maxEjectionTime: milliseconds(10_000),
      maxEjectionPercent: 50,
      enforcingConsecutive5xx: 0,
      enforcingConsecutiveGatewayFailure: 0,
      enforcingSuccessRate: 0,
    },
    // With panic routing a dead scorer would be asked again as soon as most are dead.
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
  });
}

/** Where access log entries go. Small buffers: a scorer that stalls costs entries, not memory. */
export function accessLogClusterOf(endpoint: Endpoint): Resource {
  return encodeResource(Cluster, accessLogCluster, {
    ...base(accessLogCluster, endpoint),
    ...tlsOf(endpoint),
    connectTimeout: milliseconds(250),
    perConnectionBufferLimitBytes: 65_536,
    typedExtensionProtocolOptions: http2({ keepAliveMs: 5000 }),
  });
}

function tlsOf(endpoint: Endpoint): Pick<Partial, "transportSocket"> {
  const { serverName } = endpoint.kind === "address" ? endpoint : {};
  return serverName === undefined ? {} : { transportSocket: tlsTo(serverName) };
}

/** Options that make a cluster speak HTTP/2 with prior knowledge and notice a dead connection. */
export function http2(options: { keepAliveMs: number; filters?: readonly PartialFilter[] }): Record<string, Any> {
  const { keepAliveMs, filters = [] } = options;
  return {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(HttpProtocolOptions, {
      httpFilters: [...filters],
      upstreamProtocolOptions: {
        $case: "explicitHttpConfig",
        explicitHttpConfig: {
          protocolConfig: {
            $case: "http2ProtocolOptions",
            http2ProtocolOptions: {
              maxConcurrentStreams: 1000,
              initialStreamWindowSize: 65_536,
              initialConnectionWindowSize: 1_048_576,
              connectionKeepalive: { interval: milliseconds(keepAliveMs), timeout: milliseconds(keepAliveMs / 5) },
            },
          },
        },
      },
    }),
  };
}

export function base(name: string, endpoint: Endpoint): Partial {
  const byName = endpoint.kind === "address" && !isLiteral(literalOf(endpoint.host));
  return {
    name,
    clusterDiscoveryType: {
      $case: "type",
      type: byName ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    loadAssignment: {
      clusterName: name,
      endpoints: [
        { lbEndpoints: [{ hostIdentifier: { $case: "endpoint", endpoint: { address: addressOf(endpoint) } } }] },
      ],
    },
  };
}
