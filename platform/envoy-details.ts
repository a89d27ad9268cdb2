import type { Reason } from "../core/verdict/reason.ts";

/** One way in which Envoy itself answers: how its response code details begin, and our reason for it. */
export interface ProxyAnswer {
  readonly details: string;
  readonly reason: Reason;
  /**
   * True where Envoy answers before it gives the request an id of its own: the one that it has then is the caller's,
   * so it is neither told nor kept.
   */
  readonly early?: true;
}

/** Name of the filter policies by which the proxy refuses what is ambiguous, by our reason. */
export const ambiguousPolicies = {
  path: "ambiguous-path",
  query: "ambiguous-query",
  authority: "ambiguous-authority",
  method: "ambiguous-method",
} as const;

const matchedPolicy = "rbac_access_denied_matched_policy";

/** What Envoy 1.40 says when it refuses by itself, most telling first. The first that fits holds. */
export const proxyAnswers: readonly ProxyAnswer[] = [
  { details: `${matchedPolicy}[${ambiguousPolicies.path}`, reason: "path-ambiguous" },
  { details: `${matchedPolicy}[${ambiguousPolicies.query}`, reason: "query-ambiguous" },
  { details: `${matchedPolicy}[${ambiguousPolicies.authority}`, reason: "authority-ambiguous" },
  { details: `${matchedPolicy}[${ambiguousPolicies.method}`, reason: "method-unknown" },
  { details: "path_normalization_failed", reason: "path-ambiguous", early: true },
  { details: "http1.unexpected_underscore", reason: "header-ambiguous", early: true },
  { details: "http2.unexpected_underscore", reason: "header-ambiguous", early: true },
  { details: "http1.headers_too_large", reason: "headers-too-large", early: true },
  { details: "http1.too_many_headers", reason: "headers-too-large", early: true },
  { details: "request_headers_too_large", reason: "headers-too-large", early: true },
  { details: "request_payload_too_large", reason: "body-too-large" },
  { details: "request_payload_exceeded_limit", reason: "body-too-large" },
  { details: "local_rate_limited", reason: "limit-exceeded" },
  { details: "ext_authz_error", reason: "scorer-unavailable" },
  { details: "http1.", reason: "request-malformed", early: true },
  { details: "http2.", reason: "request-malformed", early: true },
  { details: "missing_", reason: "request-malformed", early: true },
  { details: "low_version", reason: "request-malformed", early: true },
  { details: "upgrade_failed", reason: "request-malformed" },
  { details: "direct_response", reason: "workload-closed" },
  { details: "upstream_", reason: "upstream-unavailable" },
  { details: "no_healthy_upstream", reason: "upstream-unavailable" },
  { details: "cluster_not_found", reason: "upstream-unavailable" },
  { details: "response_timeout", reason: "upstream-unavailable" },
];

/** What we know about an answer of Envoy's own, undefined when the application or the scorer gave it. */
export function answerOfDetails(details: string): ProxyAnswer | undefined {
  return proxyAnswers.find((answer) => details.startsWith(answer.details));
}
