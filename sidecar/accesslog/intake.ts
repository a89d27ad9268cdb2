import { StreamAccessLogsMessage } from "../../protos/gen/envoy/service/accesslog/v3/als.ts";
import type { HTTPAccessLogEntry } from "../../protos/gen/envoy/data/accesslog/v3/accesslog.ts";
import { RequestMethod } from "../../protos/gen/envoy/config/core/v3/base.ts";
import { methods } from "../../core/policy/policy.ts";
import type { Reason } from "../../core/verdict/reason.ts";
import { answerOfDetails } from "../../platform/envoy-details.ts";
import type { IntakeMethod } from "../../platform/grpc.ts";

/** What the response channel tells about one request, in our words. */
export interface AnsweredCall {
  /** The proxy's own id of the request, empty where it gave none. */
  readonly requestId: string;
  readonly method: string;
  /** Why the proxy answered by itself; undefined when it did not. */
  readonly proxyReason: Reason | undefined;
  /** Whether the proxy let it pass since no scorer answered. */
  readonly passedUnjudged: boolean;
  /** Decision id, empty where no decision was asked for. */
  readonly decision: string;
  /** `namespace/name` as our own configuration tags the entry. */
  readonly workload: string;
  /** By which the proxy proves that it serves the workload; empty where it carries none. */
  readonly proxyKey: string;
  /** Status sent to the caller; 0 when the connection ended before. */
  readonly status: number;
}

/** Entries of one message that are read; Envoy flushes at 16 KiB, so more is a fault. */
export const entriesPerMessageMax = 1_000;

/**
 * Envoy's access log service (envoy/service/accesslog/v3): the response channel. It is telemetry, never audit: entries
 * are lost without a trace when nobody listens (seen on Envoy 1.40).
 */
export function accessLogMethod(take: (call: AnsweredCall) => void, onFault: (error: unknown) => void): IntakeMethod {
  return {
    path: "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs",
    open: () => (bytes) => {
      const { logEntries } = StreamAccessLogsMessage.decode(bytes);
      if (logEntries?.$case !== "httpLogs") return;
      for (const entry of logEntries.httpLogs.logEntry.slice(0, entriesPerMessageMax)) take(answeredCall(entry));
    },
    onFault,
  };
}

/** Set by the proxy's open authz instance; one that a caller sends is removed before. */
const failureAllowedHeader = "x-envoy-auth-failure-mode-allowed";

const canaryPrefix = "/.well-known/picket/canary/";

function answeredCall(entry: HTTPAccessLogEntry): AnsweredCall {
  const { commonProperties, request, response } = entry;
  const answer = answerOfDetails(response?.responseCodeDetails ?? "");
  // Picket's own question after each change: asked again until it is answered, so its failures mean nothing.
  const isCanary = request?.path.startsWith(canaryPrefix) === true;
  const decision: unknown = commonProperties?.metadata?.filterMetadata["envoy.filters.http.ext_authz"]?.decision;
  return {
    requestId: answer?.early === true ? "" : (request?.requestId ?? ""),
    method: printMethod(request?.requestMethod),
    proxyReason: isCanary ? undefined : answer?.reason,
    passedUnjudged: request?.requestHeaders[failureAllowedHeader] !== undefined,
    decision: typeof decision === "string" ? decision : "",
    workload: commonProperties?.customTags.workload ?? "",
    proxyKey: commonProperties?.customTags.key ?? "",
    status: response?.responseCode ?? 0,
  };
}

function printMethod(method: RequestMethod | undefined): string {
  return methods.find((known) => RequestMethod[known] === method) ?? "_OTHER";
}
