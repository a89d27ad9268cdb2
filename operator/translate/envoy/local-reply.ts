import { ExpressionFilter } from "../../../protos/gen/envoy/extensions/access_loggers/filters/cel/v3/cel.ts";
import type {
  LocalReplyConfig,
  ResponseMapper,
} from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { factsOf, type Reason } from "../../../core/verdict/reason.ts";
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

/** What a problem document says beside its status. */
export interface ProblemWords {
  readonly reason?: string;
  /** False where the request has no id but the one that the caller may have written. */
  readonly hasId?: boolean;
}

/**
 * Problem details (RFC 9457) for a status. The id is the request id: what the scorer was asked under, what the access
 * log carries, what `picket explain` finds; so is the decision, where one was asked for.
 */
export function problemFormat(status: number | "%RESPONSE_CODE%", { reason, hasId = true }: ProblemWords = {}) {
  const title = typeof status === "number" ? titles[status] : undefined;
  return {
    contentType: problemType,
    format: {
      $case: "jsonFormat" as const,
      jsonFormat: {
        type: "about:blank",
        ...(title !== undefined && { title }),
        status,
        ...(hasId && { id: "%STREAM_ID%", decision: "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:decision)%" }),
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
  const known = proxyAnswers.map(({ details, reason, early }) => {
    const filter = cel(`response.code_details.startsWith('${details}')`);
    const status = isOfSeveral.has(reason) ? undefined : factsOf(reason).status;
    const bodyFormatOverride = problemFormat(status ?? "%RESPONSE_CODE%", { reason, hasId: early !== true });
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

/** Envoy answers with more than one status for these. */
const isOfSeveral: ReadonlySet<Reason> = new Set(["request-malformed", "upstream-unavailable"]);

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
