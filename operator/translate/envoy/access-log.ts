import { AccessLog } from "../../../protos/gen/envoy/config/accesslog/v3/accesslog.ts";
import { ApiVersion } from "../../../protos/gen/envoy/config/core/v3/config_source.ts";
import { HttpGrpcAccessLogConfig } from "../../../protos/gen/envoy/extensions/access_loggers/grpc/v3/als.ts";
import { pack } from "./any.ts";
import { accessLogCluster } from "./names.ts";

/** Set by the open authz instance when it let a request pass without an answer. */
export const failureAllowedHeader = "x-envoy-auth-failure-mode-allowed";

/**
 * Metadata of every request to the scorer, answered or refused; tags name the workload and prove that its proxy speaks.
 * Telemetry, never audit.
 */
export function accessLog(workload: string, proxyKey?: string): AccessLog {
  return AccessLog.fromPartial({
    name: "als",
    configType: {
      $case: "typedConfig",
      typedConfig: pack(HttpGrpcAccessLogConfig, {
        commonConfig: {
          logName: "picket",
          transportApiVersion: ApiVersion.V3,
          grpcService: { targetSpecifier: { $case: "envoyGrpc", envoyGrpc: { clusterName: accessLogCluster } } },
          bufferSizeBytes: 16_384,
          bufferFlushInterval: { seconds: 1, nanos: 0 },
          customTags: [tag("workload", workload), ...(proxyKey === undefined ? [] : [tag("key", proxyKey)])],
        },
        additionalRequestHeadersToLog: ["content-type", "content-length", "origin", failureAllowedHeader],
        additionalResponseHeadersToLog: ["content-type", "content-length"],
      }),
    },
  });
}

function tag(name: string, value: string) {
  return { tag: name, type: { $case: "literal" as const, literal: { value } } };
}
