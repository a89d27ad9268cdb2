import { ExpressionFilter } from "../../../protos/gen/envoy/extensions/access_loggers/filters/cel/v3/cel.ts";
import type {
  LocalReplyConfig,
  ResponseMapper,
} from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { factsOf } from "../../../core/verdict/reason.ts";
import { proxyAnswers } from "../../../platform/envoy-details.ts";
import { pack } from "./any.ts";

export const problemType = "application/problem+json";

/** Reason phrases of the statuses that Envoy answers by itself (RFC 9110 section 15, RFC 6585). */
const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  408: "Request Timeout",
  413: "Content Too Large",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/**
 * Problem details (RFC 9457) for a status. The id is the request id: what the scorer was asked under, what the access
 * log carries, what `picket explain` finds.
 */
export function problemFormat(status: number | "%RESPONSE_CODE%", reason?: string) {
  const title = typeof status === "number" ? titles[status] : undefined;
  return {
    contentType: problemType,
    format: {
      $case: "jsonFormat" as const,
      jsonFormat: {
        type: "about:blank",
        ...(title !== undefined && { title }),
        status,
        id: "%STREAM_ID%",
        ...(reason !== undefined && { reason }),
      },
    },
  };
}

/**
 * Every answer that Envoy makes itself is a problem document, with our reason where it has one: such a request was
 * refused for its form, so the reason tells nothing of a policy. Refusals by the scorer pass through the same place and
 * are left as they are.
 */
export function localReplies(): Parameters<typeof LocalReplyConfig.fromPartial>[0] {
  const known = proxyAnswers.map(({ details, reason }) => {
    const filter = cel(`response.code_details.startsWith('${details}')`);
    // Envoy answers a request that it cannot read with more than one status.
    const status = reason === "request-malformed" ? undefined : factsOf(reason).status;
    const bodyFormatOverride = problemFormat(status ?? "%RESPONSE_CODE%", reason);
    // An RBAC filter can only say 403; every other answer keeps the status that Envoy gave it.
    return details.startsWith(rbacDetails) && status !== undefined
      ? { filter, statusCode: status, bodyFormatOverride }
      : { filter, bodyFormatOverride };
  });
  const others = Object.keys(titles).map((status) => ({
    filter: cel(`response.code == ${status} && response.code_details != 'ext_authz_denied'`),
    bodyFormatOverride: problemFormat(Number(status)),
  }));
  return { mappers: [...known, ...others] };
}

const rbacDetails = "rbac_access_denied";

function cel(expression: string): Parameters<typeof ResponseMapper.fromPartial>[0]["filter"] {
  return {
    filterSpecifier: {
      $case: "extensionFilter",
      extensionFilter: {
        name: "cel",
        configType: { $case: "typedConfig", typedConfig: pack(ExpressionFilter, { expression }) },
      },
    },
  };
}
