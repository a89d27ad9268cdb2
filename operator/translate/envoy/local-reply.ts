import { ExpressionFilter } from "../../../protos/gen/envoy/extensions/access_loggers/filters/cel/v3/cel.ts";
import type {
  LocalReplyConfig,
  ResponseMapper,
} from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { pack } from "./any.ts";
import { ambiguousDetails } from "./filters/ambiguous.ts";

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
export function problemFormat(status: number) {
  const title = titles[status];
  return {
    contentType: problemType,
    format: {
      $case: "jsonFormat" as const,
      jsonFormat: { type: "about:blank", ...(title !== undefined && { title }), status, id: "%STREAM_ID%" },
    },
  };
}

/**
 * Every answer that Envoy makes itself is a problem document. Refusals by the scorer pass through the same place and
 * are left as they are.
 */
export function localReplies(): Parameters<typeof LocalReplyConfig.fromPartial>[0] {
  const ambiguous = mapper(`response.code_details.startsWith('${ambiguousDetails}')`, 400);
  const others = Object.keys(titles).map((status) =>
    mapper(`response.code == ${status} && response.code_details != 'ext_authz_denied'`, Number(status)),
  );
  return { mappers: [{ ...ambiguous, statusCode: 400 }, ...others] };
}

function mapper(expression: string, status: number): Parameters<typeof ResponseMapper.fromPartial>[0] {
  return {
    filter: {
      filterSpecifier: {
        $case: "extensionFilter",
        extensionFilter: {
          name: "cel",
          configType: { $case: "typedConfig", typedConfig: pack(ExpressionFilter, { expression }) },
        },
      },
    },
    bodyFormatOverride: problemFormat(status),
  };
}
