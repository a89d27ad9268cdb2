import { Cluster, type Cluster as ClusterMessage } from "../../../protos/gen/envoy/config/cluster/v3/cluster.ts";
import type { HealthCheck } from "../../../protos/gen/envoy/config/core/v3/health_check.ts";
import { Listener } from "../../../protos/gen/envoy/config/listener/v3/listener.ts";
import { UpstreamTlsContext } from "../../../protos/gen/envoy/extensions/transport_sockets/tls/v3/tls.ts";
import { probePort, type PodProbe } from "../pod-shape.ts";
import type { Resource } from "../resource.ts";
import { encodeResource, pack } from "./any.ts";
import { base, http2 } from "./clusters.ts";
import { milliseconds } from "./duration.ts";
import { healthPage, pageListener } from "./pages.ts";

/** Most often and least often that the sidecar asks the application: kubelet must not wait two of its own periods. */
const intervalSecondsMin = 1;
const intervalSecondsMax = 5;

/** Statuses that kubelet takes for success: 200 to 399. */
const success = { start: 200, end: 400 };

/**
 * What lets kubelet ask about the application without opening it: the sidecar asks by itself, as kubelet would have,
 * and its page says only how that went. Nothing that a caller sends to the page reaches the application.
 */
export function probeResources(probes: readonly PodProbe[]): {
  readonly clusters: readonly Resource[];
  readonly listeners: readonly Resource[];
} {
  if (probes.length === 0) return { clusters: [], listeners: [] };
  const filters = probes.map(({ path }) => healthPage(path, [clusterNameOf(path)]));
  const name = "picket|probes";
  return {
    clusters: probes.map(clusterOf),
    listeners: [encodeResource(Listener, name, pageListener(name, probePort, { filters, routes: [] }))],
  };
}

function clusterNameOf(path: string): string {
  return `probe|${path}`;
}

function clusterOf(probe: PodProbe): Resource {
  const name = clusterNameOf(probe.path);
  const { target } = probe;
  const connectTimeout = milliseconds(probe.timeoutSeconds * 1000);
  return encodeResource(Cluster, name, {
    ...base(name, { kind: "address", host: "127.0.0.1", port: target.port }),
    connectTimeout,
    ...(target.kind === "https" && { transportSocket: anyTls }),
    ...(target.kind === "grpc" && { typedExtensionProtocolOptions: http2({ keepAliveMs: 30_000 }) }),
    healthChecks: [healthCheckOf(probe)],
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
  });
}

/** Kubelet verifies no certificate either: it asks whether the application lives. */
const anyTls: NonNullable<Parameters<typeof ClusterMessage.fromPartial>[0]["transportSocket"]> = {
  name: "tls",
  configType: { $case: "typedConfig", typedConfig: pack(UpstreamTlsContext, {}) },
};

function healthCheckOf(probe: PodProbe): Parameters<typeof HealthCheck.fromPartial>[0] {
  const seconds = Math.min(intervalSecondsMax, Math.max(intervalSecondsMin, probe.periodSeconds / 2));
  const interval = milliseconds(seconds * 1000);
  return {
    timeout: milliseconds(probe.timeoutSeconds * 1000),
    interval,
    noTrafficInterval: interval,
    noTrafficHealthyInterval: interval,
    unhealthyInterval: milliseconds(intervalSecondsMin * 1000),
    unhealthyEdgeInterval: milliseconds(intervalSecondsMin * 1000),
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    reuseConnection: false,
    healthChecker: checkerOf(probe),
  };
}

function checkerOf({
  target,
  headers,
}: PodProbe): NonNullable<Parameters<typeof HealthCheck.fromPartial>[0]["healthChecker"]> {
  switch (target.kind) {
    case "tcp":
      return { $case: "tcpHealthCheck", tcpHealthCheck: {} };
    case "grpc":
      return { $case: "grpcHealthCheck", grpcHealthCheck: { serviceName: target.service } };
    case "http":
    case "https": {
      const host = headers.find(([name]) => name.toLowerCase() === "host")?.[1] ?? `127.0.0.1:${target.port}`;
      return {
        $case: "httpHealthCheck",
        httpHealthCheck: {
          host,
          path: target.path,
          expectedStatuses: [success],
          requestHeadersToAdd: headers
            .filter(([name]) => name.toLowerCase() !== "host")
            .map(([key, value]) => ({ header: { key, value } })),
        },
      };
    }
  }
}
