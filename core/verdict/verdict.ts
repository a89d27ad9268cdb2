import type { AllowReason, ChallengeReason, DenyReason, ErrorReason, Reason, ThrottleReason } from "./reason.ts";

/** What supports a verdict. Holds names from policies and positions, never request content. */
export interface Evidence {
  /** `namespace/name` of the policy that decided; absent when none did. */
  readonly policy?: string | undefined;
  /** Name of the rule or limit that decided. */
  readonly rule?: string | undefined;
  /** Method and path template of the operation, `GET /v1/accounts/{accountId}`; absent when none matched. */
  readonly operation?: string | undefined;
  /** Closed-list detail, such as the clause that failed (`claim roles`) or the ambiguity (`encoded-slash`). */
  readonly detail?: string | undefined;
}

interface Judged<K extends string, R extends Reason> {
  readonly kind: K;
  readonly reason: R;
  readonly evidence: Evidence;
}

/** The final answer about one request. Always constructed; no value of any other type means allow. */
export type Verdict =
  | Judged<"allow", AllowReason>
  | Judged<"deny", DenyReason>
  | (Judged<"challenge", ChallengeReason> & {
      /** RFC 9470 `acr_values`: the authentication level asked for. */
      readonly level: number;
    })
  | (Judged<"throttle", ThrottleReason> & {
      /** Seconds until a retry can succeed, at least 1 (RFC 9110 section 10.2.3). */
      readonly retryAfterSeconds: number;
    })
  | Judged<"error", ErrorReason>;

const none: Evidence = Object.freeze({});

export function allow(reason: AllowReason, evidence: Evidence = none): Verdict {
  return { kind: "allow", reason, evidence };
}

export function deny(reason: DenyReason, evidence: Evidence = none): Verdict {
  return { kind: "deny", reason, evidence };
}

export function challenge(level: number, evidence: Evidence = none): Verdict {
  return { kind: "challenge", reason: "authentication-level-too-low", level, evidence };
}

export function throttle(retryAfterSeconds: number, evidence: Evidence = none): Verdict {
  return { kind: "throttle", reason: "limit-exceeded", retryAfterSeconds: Math.max(1, retryAfterSeconds), evidence };
}

export function cannotDecide(reason: ErrorReason, evidence: Evidence = none): Verdict {
  return { kind: "error", reason, evidence };
}
