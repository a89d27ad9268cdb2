import type { Millis } from "../limits/time.ts";
import type { CheckedExpression } from "../expression/ast.ts";

/** Observe: nothing is asked. Shadow: judged, let through, recorded. Enforce: the verdict is acted on. Order: strictness. */
export type Mode = "observe" | "shadow" | "enforce";
export const modes: readonly Mode[] = ["observe", "shadow", "enforce"];

export type Effect = "allow" | "deny";

/** How a policy combines with more specific ones: a default gives way to them, a floor can only tighten. */
export type Strategy = "default" | "floor";

/** Methods Picket knows (RFC 9110 section 9, RFC 5789). HEAD is judged as GET. CONNECT and TRACE are never served. */
export const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
export type Method = (typeof methods)[number];

/** A JSON scalar as claims carry it. Compared with its type, never coerced. */
export type ClaimScalar = string | number | boolean;

export interface OperationMatch {
  /** Empty means every method. */
  readonly methods: readonly Method[];
  /** Path template as written, `/v1/accounts/{accountId:int}/**`. */
  readonly path: string;
}

/** One demand on a claim; exactly one of the three forms. */
export type ClaimDemand =
  | { readonly name: string; readonly kind: "equals"; readonly value: ClaimScalar }
  | { readonly name: string; readonly kind: "in"; readonly values: readonly ClaimScalar[] }
  | { readonly name: string; readonly kind: "contains"; readonly value: ClaimScalar };

/** What an Allow rule needs before it allows. Empty: nothing, anonymous callers included. */
export interface Requirement {
  /** True whenever anything below needs a principal, or the policy says `authenticated: true`. */
  readonly authenticated: boolean;
  /** All of them. */
  readonly scopes: readonly string[];
  /** All of them. */
  readonly claims: readonly ClaimDemand[];
  /** The path parameter must equal the claim (string compare of the decoded segment; numbers by their decimal form). */
  readonly owner?: { readonly path: string; readonly claim: string } | undefined;
  /** Least authentication level, from claim `acr` read as a number (RFC 9470). */
  readonly authenticationLevel?: number | undefined;
}

export interface Rule {
  readonly name: string;
  readonly effect: Effect;
  readonly match: readonly OperationMatch[];
  readonly require: Requirement;
  /** CEL text as written, and its checked form. */
  readonly when?: { readonly source: string; readonly checked: CheckedExpression } | undefined;
  readonly privileged: boolean;
}

export interface Access {
  readonly default: Effect;
  readonly rules: readonly Rule[];
}

export type LimitKey =
  | { readonly kind: "principal" | "credential" | "session" | "sourceAddress" | "sourceNetwork" | "operation" }
  | { readonly kind: "claim" | "header"; readonly name: string };

export interface Limit {
  readonly name: string;
  /** Empty means every request. */
  readonly match: readonly OperationMatch[];
  /** Together they name the bucket. Empty: one bucket for the workload. */
  readonly key: readonly LimitKey[];
  readonly requests: number;
  readonly windowMs: Millis;
  /** Present: a token bucket of this size refilled at requests/window. Absent: a sliding window. */
  readonly burst?: number | undefined;
  /** Milder than the policy's mode, never stricter. */
  readonly mode?: Mode | undefined;
}

export interface Guards {
  /** Bodies larger than this are refused with 413; undefined: not looked at. */
  readonly maxBodyBytes?: number | undefined;
  /** Present: JSON bodies are read by the scorer and refused when ambiguous or deeper. Needs maxBodyBytes. */
  readonly maxJsonDepth?: number | undefined;
}

/** What happens when Picket itself cannot decide. */
export interface Failure {
  readonly decision: Effect;
  readonly timeoutMs: Millis;
  readonly keysMaxStaleMs: Millis;
}

export interface Denial {
  /** `problem`: RFC 9457 problem details; `empty`: no body. */
  readonly body: "problem" | "empty";
  /** True: the reason word is told to the caller. The decision id always is. */
  readonly showReason: boolean;
}

/** Who a policy speaks about. */
export type Target =
  | { readonly kind: "cluster"; readonly namespaces: readonly string[] } // empty: every namespace
  | { readonly kind: "namespace" }
  | { readonly kind: "workloads"; readonly refs: readonly WorkloadRef[] }
  | { readonly kind: "labels"; readonly labels: Readonly<Record<string, string>> };

/** Kinds of objects by which a policy names workloads. */
export const workloadKinds = ["Deployment", "StatefulSet", "DaemonSet", "Service"] as const;
export type WorkloadKind = (typeof workloadKinds)[number];

/** One of `targetRefs`. In a folder, whatever the kind, the `Workload` of that name is meant. */
export interface WorkloadRef {
  readonly kind: WorkloadKind;
  readonly name: string;
}

/** A place in a file, for messages and for the origin of every effective line. */
export interface Origin {
  readonly file: string;
  readonly line: number;
}

export interface ObjectId {
  readonly kind: string;
  /** Empty for cluster-wide kinds. */
  readonly namespace: string;
  readonly name: string;
}

/** ApiPolicy or ClusterApiPolicy. Every block is optional: what is absent is taken from the policy above. */
export interface Policy {
  readonly id: ObjectId;
  readonly origin: Origin;
  /** Creation time where the source knows one, else 0; the older of two equals wins. */
  readonly createdMs: number;
  readonly target: Target;
  readonly strategy: Strategy;
  readonly mode?: Mode | undefined;
  readonly ports: readonly number[];
  readonly identityRefs?: readonly string[] | undefined;
  readonly access?: { readonly default?: Effect | undefined; readonly rules: readonly Rule[] } | undefined;
  readonly limits?: readonly Limit[] | undefined;
  readonly guards?: Guards | undefined;
  readonly failure?: Partial<Failure> | undefined;
  readonly denial?: Partial<Denial> | undefined;
  /** Line of each field path (`access.rules[owner].when`), for origins and messages. */
  readonly lines: ReadonlyMap<string, number>;
}

/** `namespace/name`, or the bare name of a cluster-wide object. */
export function printId(id: ObjectId): string {
  return id.namespace === "" ? id.name : `${id.namespace}/${id.name}`;
}
