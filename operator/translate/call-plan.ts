import type { EffectiveLimit, EffectivePolicy } from "../../core/policy/effective-policy.ts";
import { modes, type Mode } from "../../core/policy/policy.ts";
import { everythingElse, meet, operationsIn, operationsOf, printMethodAndPath, type Operation } from "./operations.ts";

/** Who decides what about one operation, and why (architecture, decision 1). */
export interface CallPlan {
  /** `GET /v1/accounts/{accountId}`, `* /admin/**`, or `everything else`. */
  readonly operation: string;
  /** What the proxy decides without leaving its process. */
  readonly proxy: readonly string[];
  /** Clauses that need the scorer. Empty: it is not asked. */
  readonly scorer: readonly string[];
  /** What happens when the scorer cannot answer. Undefined where it is not asked. */
  readonly failMode?: "closed" | "open" | undefined;
}

/** The plan of every operation that the policy names, and of everything else. */
export function callPlans(policy: EffectivePolicy): readonly CallPlan[] {
  return [...operationsOf(policy), undefined].map((operation) => callPlan(policy, operation));
}

/**
 * For now the scorer is asked wherever a policy is in force; the clauses say which part of the policy forces the call,
 * so that what the proxy learns to decide alone can be taken off the list. `undefined` is everything else.
 */
export function callPlan(policy: EffectivePolicy, operation: Operation | undefined): CallPlan {
  const name = operation === undefined ? everythingElse : printMethodAndPath(operation);
  if (policy.mode === "observe") return { operation: name, proxy: [], scorer: [] };
  const proxy = [
    ...(policy.mode === "enforce" ? ["guard ambiguous"] : []),
    ...policy.identities.flatMap((identity) => identity.jwt.map((jwt) => `tokens of ${jwt.issuer}`)),
    ...proxyLimits(policy).map((limit) => `limit ${limit.name}`),
    ...(proxyBodyLimit(policy) === undefined ? [] : ["guard maxBodyBytes"]),
  ];
  const scorer = [
    ...(policy.gates.length > 0 ? ["access rules"] : []),
    ...policy.limits.filter((limit) => concerns(limit, policy.mode, operation)).map((limit) => `limit ${limit.name}`),
    ...(policy.guards.maxJsonDepth === undefined ? [] : ["guard maxJsonDepth"]),
    // Asked about every request of a judged workload, or the proof that requests are judged would be void.
    "canary",
  ];
  const open = policy.mode === "shadow" || policy.failure.decision === "allow";
  return { operation: name, proxy, scorer, failMode: open ? "open" : "closed" };
}

/**
 * Limits that the proxy sheds by before it asks: those without a key, for every request, that are enforced. The scorer
 * counts them too and is exact; a proxy alone sees only its own share and knows no sliding window, so it starts later.
 */
export function proxyLimits(policy: Pick<EffectivePolicy, "mode" | "limits">): readonly EffectiveLimit[] {
  return policy.limits.filter(
    (limit) =>
      limit.key.length === 0 &&
      limit.match.length === 0 &&
      milder(policy.mode, limit.mode ?? policy.mode) === "enforce",
  );
}

/** Bytes after which the proxy itself stops a body. Only enforced: in Shadow nothing may be refused. */
export function proxyBodyLimit(policy: Pick<EffectivePolicy, "mode" | "guards">): number | undefined {
  return policy.mode === "enforce" ? policy.guards.maxBodyBytes : undefined;
}

function concerns(limit: EffectiveLimit, mode: Mode, operation: Operation | undefined): boolean {
  if (milder(mode, limit.mode ?? mode) === "observe") return false;
  if (limit.match.length === 0) return true;
  if (operation === undefined) return false;
  return limit.match.some((match) => operationsIn(match).some((other) => meet(operation, other)));
}

function milder(a: Mode, b: Mode): Mode {
  return modes.indexOf(a) < modes.indexOf(b) ? a : b;
}
