import { createHmac } from "node:crypto";
import type { Judgement } from "../../core/policy/judge.ts";
import type { Mode } from "../../core/policy/policy.ts";
import type { EpochMs } from "../../core/limits/time.ts";
import { factsOf } from "../../core/verdict/reason.ts";
import type { Secret } from "../../platform/secret.ts";

/** What was judged, word for word. Only kept where `PICKET_RECORD_VIEWS` says so: paths hold identifiers. */
export interface JudgedView {
  readonly method: string;
  readonly target: string;
  readonly host: string;
}

/** Who decided: the scorer, or the proxy by itself for the form of the request, for lack of an answer, or a limit. */
export type DecidedBy = "scorer" | "proxy";

/** One decision as the check path leaves it. The principal's id is hashed when the record is read, not before. */
export interface Decision {
  readonly id: string;
  /** What the id was made from: counts up by one. */
  readonly number: number;
  readonly by: DecidedBy;
  readonly timeMs: EpochMs;
  readonly workload: string;
  readonly revision: string;
  readonly mode: Mode;
  readonly method: string;
  readonly judgement: Judgement;
  readonly principalKind: "anonymous" | "failed" | "authenticated";
  /** Issuer and id; empty when nobody is proven. Never leaves the process as it is. */
  readonly principal: string;
  readonly durationMs: number;
  readonly view: JudgedView | undefined;
  /** Status of the application's or Picket's answer, once the access log has told it; 0 before. */
  responseStatus: number;
}

/** A decision as people and programs read it: log line, `explain`. No bodies, tokens or raw identifiers. */
export interface DecisionRecord {
  readonly id: string;
  readonly time: string;
  readonly workload: string;
  readonly policy?: string | undefined;
  readonly revision: string;
  readonly operation?: string | undefined;
  readonly method: string;
  readonly by: DecidedBy;
  readonly mode: Mode;
  readonly verdict: string;
  readonly reason: string;
  readonly rule?: string | undefined;
  readonly detail?: string | undefined;
  /** Status that the verdict asks for; absent for an allow. */
  readonly status?: number | undefined;
  /** False where the request went on whatever the verdict says. */
  readonly enforced: boolean;
  /** What a section in a milder mode would have said. */
  readonly shadow?:
    { readonly verdict: string; readonly reason: string; readonly rule?: string | undefined } | undefined;
  readonly principal: { readonly kind: string; readonly hash?: string | undefined };
  readonly response?: number | undefined;
  readonly durationUs: number;
  readonly view?: JudgedView | undefined;
}

/** Hex characters of a principal's keyed hash. */
export const principalHashLength = 24;

/** The readable form. `key` makes the same principal recognisable within one install and nowhere else. */
export function printDecision(decision: Decision, key: Secret<Uint8Array>): DecisionRecord {
  const { verdict, shadow } = decision.judgement;
  const { evidence } = verdict;
  return {
    id: decision.id,
    time: new Date(decision.timeMs).toISOString(),
    workload: decision.workload,
    policy: evidence.policy,
    revision: decision.revision,
    operation: evidence.operation,
    method: decision.method,
    by: decision.by,
    mode: decision.mode,
    verdict: verdict.kind,
    reason: verdict.reason,
    rule: evidence.rule,
    detail: evidence.detail,
    status: factsOf(verdict.reason).status,
    enforced: decision.mode === "enforce",
    shadow: shadow && { verdict: shadow.kind, reason: shadow.reason, rule: shadow.evidence.rule },
    principal: {
      kind: decision.principalKind,
      hash: decision.principal === "" ? undefined : hashOf(decision.principal, key),
    },
    response: decision.responseStatus === 0 ? undefined : decision.responseStatus,
    durationUs: Math.round(decision.durationMs * 1000),
    view: decision.view,
  };
}

function hashOf(principal: string, key: Secret<Uint8Array>): string {
  return createHmac("sha256", key.reveal()).update(principal).digest("hex").slice(0, principalHashLength);
}
