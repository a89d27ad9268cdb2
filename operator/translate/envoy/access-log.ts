import { AccessLog } from "../../../protos/gen/envoy/config/accesslog/v3/accesslog.ts";
import { ApiVersion } from "../../../protos/gen/envoy/config/core/v3/config_source.ts";
import { HttpGrpcAccessLogConfig } from "../../../protos/gen/envoy/extensions/access_loggers/grpc/v3/als.ts";
import { pack } from "./any.ts";
import { accessLogCluster } from "./names.ts";

/** Set by the open authz instance when it let a request pass without an answer. */
export const failureAllowedHeader = "x-envoy-auth-failure-mode-allowed";

/** Metadata of every request to the scorer, answered or refused; the tag names the workload. Telemetry, never audit. */
export function accessLog(workload: string): AccessLog {
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
          customTags: [{ tag: "workload", type: { $case: "literal", literal: { value: workload } } }],
        },
        additionalRequestHeadersToLog: ["content-type", "content-length", "origin", failureAllowedHeader],
        additionalResponseHeadersToLog: ["content-type", "content-length"],
      }),
    },
  });
}
