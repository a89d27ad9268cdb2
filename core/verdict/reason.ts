/** The status codes Picket itself may answer with. Anything else is a bug of ours and is refused by the encoder. */
export type RefusalStatus = 400 | 401 | 403 | 413 | 415 | 429 | 431 | 503;

/** What kind of answer a reason belongs to. */
export type VerdictKind = "allow" | "deny" | "challenge" | "throttle" | "error";

interface ReasonFacts {
  readonly kind: VerdictKind;
  /** Status sent to the caller; absent where the request goes on. */
  readonly status?: RefusalStatus;
  /** One sentence for people; never contains request content. */
  readonly text: string;
}

/**
 * Every reason a verdict can have. Closed: metrics, docs/reference/reasons.md and the policy tests use these words
 * and no others. A new reason is a new line here and in the docs (a test compares both ways).
 */
export const reasons = {
  // allow
  "rule-allowed": { kind: "allow", text: "an allow rule matched and all that it requires holds" },
  "default-allowed": { kind: "allow", text: "no rule matched and the policy allows by default" },
  // deny: access
  "rule-denied": { kind: "deny", status: 403, text: "a deny rule matched" },
  "deny-rule-undecidable": {
    kind: "deny",
    status: 403,
    text: "a deny rule matched whose condition could not be evaluated",
  },
  "no-rule-matched": { kind: "deny", status: 403, text: "no rule matched and the policy denies by default" },
  "credential-missing": { kind: "deny", status: 401, text: "the operation needs a credential and none was shown" },
  "credential-invalid": { kind: "deny", status: 401, text: "the credential shown is not valid" },
  "credential-expired": { kind: "deny", status: 401, text: "the credential shown has expired" },
  "keys-stale": {
    kind: "deny",
    status: 401,
    text: "the keys of the issuer are missing or older than the policy accepts",
  },
  "scope-missing": { kind: "deny", status: 403, text: "the credential lacks a required scope" },
  "claim-mismatch": { kind: "deny", status: 403, text: "a claim is missing or has not the required value" },
  "resource-owner-mismatch": { kind: "deny", status: 403, text: "the resource belongs to somebody else" },
  "condition-not-met": { kind: "deny", status: 403, text: "the rule's condition does not hold" },
  "condition-error": { kind: "deny", status: 403, text: "the rule's condition could not be evaluated" },
  canary: { kind: "deny", status: 403, text: "Picket's own probe: proves that requests are judged" },
  // deny: what two honest parsers could read differently
  "path-ambiguous": { kind: "deny", status: 400, text: "the path can be read in more than one way" },
  "parameter-malformed": { kind: "deny", status: 400, text: "a typed path parameter has not its type" },
  "authority-ambiguous": { kind: "deny", status: 400, text: "the host can be read in more than one way" },
  "method-unknown": { kind: "deny", status: 400, text: "the method is not one of the registered ones" },
  "header-ambiguous": { kind: "deny", status: 400, text: "a header can be read in more than one way" },
  "query-ambiguous": { kind: "deny", status: 400, text: "the query can be read in more than one way" },
  "body-ambiguous": { kind: "deny", status: 400, text: "the body can be read in more than one way" },
  "body-too-large": { kind: "deny", status: 413, text: "the body is larger than the policy accepts" },
  "content-type-unsupported": {
    kind: "deny",
    status: 415,
    text: "the body is governed and its content type cannot be judged",
  },
  "request-malformed": { kind: "deny", status: 400, text: "the proxy could not read the request as HTTP" },
  "headers-too-large": { kind: "deny", status: 431, text: "the headers are more or larger than Picket accepts" },
  // challenge
  "authentication-level-too-low": {
    kind: "challenge",
    status: 401,
    text: "the operation needs a stronger authentication",
  },
  // throttle
  "limit-exceeded": { kind: "throttle", status: 429, text: "a limit of the policy is used up" },
  // error: cannot decide
  "policy-not-ready": { kind: "error", status: 503, text: "the policy of this workload is not compiled yet" },
  "scorer-unavailable": { kind: "error", status: 503, text: "no scorer answered the proxy in time" },
  "upstream-unavailable": { kind: "error", status: 503, text: "the application did not answer the proxy" },
  "workload-closed": {
    kind: "error",
    status: 503,
    text: "the workload answers nobody: its policy was never valid, or a request was seen to pass unjudged",
  },
  "check-unreadable": { kind: "error", status: 503, text: "the question of the proxy could not be read" },
  "proxy-unknown": {
    kind: "error",
    status: 503,
    text: "the question did not carry the key of a workload whose policy is known here",
  },
  "internal-error": { kind: "error", status: 503, text: "a fault inside Picket" },
} as const satisfies Readonly<Record<string, ReasonFacts>>;

export type Reason = keyof typeof reasons;

type OfKind<K extends VerdictKind> = { [R in Reason]: (typeof reasons)[R]["kind"] extends K ? R : never }[Reason];
export type AllowReason = OfKind<"allow">;
export type DenyReason = OfKind<"deny">;
export type ChallengeReason = OfKind<"challenge">;
export type ThrottleReason = OfKind<"throttle">;
export type ErrorReason = OfKind<"error">;

/** The facts of a reason, widened: `status` is undefined for reasons that let the request go on. */
export function factsOf(reason: Reason): ReasonFacts {
  return reasons[reason];
}
