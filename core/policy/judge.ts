import type { Call } from "../access/call.ts";
import { meetsLevel, type Unmet } from "../access/demands.ts";
import type { Principal } from "../access/principal.ts";
import { conditionsCostMax } from "../expression/bounds.ts";
import { bestOperation, createMatches, findOperations, type Matches } from "../catalog/find.ts";
import { parameterOf, type Template } from "../catalog/template.ts";
import type { KeyHash } from "../limits/key.ts";
import {
  createLimitAnswer,
  type CompiledLimit as CompiledCount,
  type LimitAnswer,
  type Limiter,
} from "../limits/limiter.ts";
import type { EpochMs } from "../limits/time.ts";
import { decodeSegment } from "../request/path.ts";
import type { DenyReason } from "../verdict/reason.ts";
import { allow, challenge, deny, throttle, type Evidence, type Verdict } from "../verdict/verdict.ts";
import type { CompiledEntry, CompiledGate, CompiledPolicy, WhenContext } from "./compiled-policy.ts";
import { hashLimitKey } from "./limit-key.ts";

/** The answer about one request. */
export interface Judgement {
  readonly verdict: Verdict;
  /** What a section in a milder mode would have answered; undefined when it agrees. */
  readonly shadow: Verdict | undefined;
}

/** Judges requests with one compiled policy. Keeps scratch space, so one judge serves one thread. */
export interface Judge {
  readonly policy: CompiledPolicy;
  judge(call: Call, nowMs: EpochMs): Judgement;
}

/** What limits are counted with; `limiter` holds the policy's limits in their order. */
export interface Limits {
  readonly limiter: Limiter;
  readonly hash: KeyHash;
}

/** The limits of a policy as a limiter takes them. */
export function limitsOf(policy: CompiledPolicy): CompiledCount[] {
  return policy.limits.map(({ limit, isShadow }) => ({
    id: `${policy.source.workload} ${limit.policy} ${limit.name}`,
    requests: limit.requests,
    windowMs: limit.windowMs,
    burst: limit.burst,
    shadow: isShadow,
  }));
}

/** Makes a judge. Everything it needs per request is allocated here, once. */
export function createJudge(policy: CompiledPolicy, limits: Limits): Judge {
  const trees = [
    policy.operations,
    ...policy.gates.flatMap((gate) => [gate.allowTree, ...(gate.denyTree === undefined ? [] : [gate.denyTree])]),
    ...policy.limits.flatMap((limit) => (limit.tree === undefined ? [] : [limit.tree])),
  ];
  const matches = createMatches(trees);
  const context = new Context();
  const answer = createLimitAnswer();
  const canary = policy.source.canaryPath;
  return {
    policy,
    judge(call, nowMs) {
      if (canary !== "" && call.request.path === canary) return refused(deny("canary", policy.canaryEvidence));
      context.call = call;
      context.nowMs = nowMs;
      context.spent = 0;
      const access = judgeAccess(policy, call, context, matches);
      if (access.kind !== "allow" || policy.limits.length === 0) return { verdict: access, shadow: undefined };
      return judgeLimits({ policy, limits, call, nowMs, matches, answer }, access);
    },
  };
}

function refused(verdict: Verdict): Judgement {
  return { verdict, shadow: undefined };
}

/** What a condition reads: the call, the time, and the parameters of the template that matched. */
class Context implements WhenContext {
  call!: Call;
  nowMs = 0;
  template!: Template;
  /** Static cost of the conditions evaluated for this call so far. */
  spent = 0;

  /** Whether the entry's condition holds; undefined when it cannot be evaluated, or no more may be. */
  holds({ when, whenCost, template }: CompiledEntry): boolean | undefined {
    if (when === undefined) return true;
    this.spent += whenCost;
    // Not `> max`: whatever is no clear number within the bound is beyond it.
    if (!(this.spent <= conditionsCostMax)) return undefined;
    this.template = template;
    return when(this);
  }

  parameter(name: string): string | undefined {
    const segment = parameterOf(this.template, name);
    const { request } = this.call;
    if (segment < 0 || segment >= request.segmentCount) return undefined;
    return decodeSegment(request.path, request.segmentStarts[segment]!, request.segmentEnds[segment]!);
  }
}

/** Every gate must allow. A plain refusal of any gate outweighs a challenge of another. */
function judgeAccess(policy: CompiledPolicy, call: Call, context: Context, matches: Matches): Verdict {
  let answer: Verdict | undefined;
  for (const gate of policy.gates) {
    const verdict = judgeGate(gate, call, context, matches);
    if (verdict.kind === "deny") return verdict;
    if (answer === undefined || verdict.kind !== "allow") answer = verdict;
  }
  // No gate: no policy speaks about the workload, and nobody should have asked.
  return answer ?? deny("no-rule-matched", { policy: policy.source.workload });
}

function judgeGate(gate: CompiledGate, call: Call, context: Context, matches: Matches): Verdict {
  const { request } = call;
  if (gate.denyTree !== undefined) {
    findOperations(gate.denyTree, request, request.method, matches);
    if (matches.overflow) return unsearchable(gate);
    for (let i = 0; i < matches.count; i++) {
      const entry = gate.denyEntries[matches.indexes[i]!]!;
      const holds = context.holds(entry);
      if (holds === true) return deny("rule-denied", entry.evidence);
      if (holds === undefined) return deny("deny-rule-undecidable", entry.evidence);
    }
  }
  findOperations(gate.allowTree, request, request.method, matches);
  if (matches.overflow) return unsearchable(gate);
  let nearest: { entry: CompiledEntry; unmet: Unmet } | undefined;
  for (let i = 0; i < matches.count; i++) {
    const entry = gate.allowEntries[matches.indexes[i]!]!;
    const unmet = unmetBy(entry, call, context);
    if (unmet === undefined) return allow("rule-allowed", entry.evidence);
    if (nearest === undefined || unmet.stage > nearest.unmet.stage) nearest = { entry, unmet };
  }
  if (gate.default === "allow" && !(gate.demands && nearest !== undefined))
    return allow("default-allowed", gate.evidence);
  if (nearest !== undefined) return refusalOf(nearest.unmet, nearest.entry, call.principal);
  if (matches.typeMismatch) return deny("parameter-malformed", gate.evidence);
  return deny("no-rule-matched", gate.evidence);
}

function unmetBy(entry: CompiledEntry, call: Call, context: Context): Unmet | undefined {
  const unmet = entry.demands(call);
  if (unmet !== undefined) return unmet;
  const holds = context.holds(entry);
  if (holds === undefined) return conditionError;
  // Only true lets through: not "not false".
  if (holds !== true) return conditionUnmet;
  if (entry.level > 0 && !meetsLevel(call.principal, entry.level))
    return { stage: 7, kind: "level", level: entry.level };
  return undefined;
}

const conditionError: Unmet = { stage: 5, kind: "condition-error" };
const conditionUnmet: Unmet = { stage: 6, kind: "condition" };

function refusalOf(unmet: Unmet, { evidence }: CompiledEntry, principal: Principal): Verdict {
  switch (unmet.kind) {
    case "credential":
      return deny(credentialReason(principal), withFailure(evidence, principal));
    case "scope":
      return deny("scope-missing", { ...evidence, detail: unmet.detail });
    case "claim":
      return deny("claim-mismatch", { ...evidence, detail: unmet.detail });
    case "owner":
      return deny("resource-owner-mismatch", { ...evidence, detail: unmet.detail });
    case "condition-error":
      return deny("condition-error", evidence);
    case "condition":
      return deny("condition-not-met", evidence);
    case "level":
      return challenge(unmet.level, evidence);
  }
}

function withFailure(evidence: Evidence, principal: Principal): Evidence {
  return principal.kind === "failed" && principal.detail !== undefined
    ? { ...evidence, detail: principal.detail }
    : evidence;
}

function credentialReason(principal: Principal): DenyReason {
  if (principal.kind !== "failed") return "credential-missing";
  if (principal.cause === "expired") return "credential-expired";
  return principal.cause === "keys" ? "keys-stale" : "credential-invalid";
}

/** The path has so many readings among the templates that not all were looked at: it is not decided, so refused. */
function unsearchable(gate: CompiledGate): Verdict {
  return deny("path-ambiguous", { ...gate.evidence, detail: "too-many-matches" });
}

interface LimitQuestion {
  readonly policy: CompiledPolicy;
  readonly limits: Limits;
  readonly call: Call;
  readonly nowMs: EpochMs;
  readonly matches: Matches;
  readonly answer: LimitAnswer;
}

/** Counts the request against every limit that speaks about it, or against none when one of them refuses. */
function judgeLimits({ policy, limits, call, nowMs, matches, answer }: LimitQuestion, access: Verdict): Judgement {
  const { request } = call;
  const { limiter, hash } = limits;
  // Named only where a limit counts by it, or for the words of a refusal: it takes a search of its own.
  const name = (): string =>
    policy.operationNames[bestOperation(policy.operations, request, request.method, matches)] ?? "";
  const counted = policy.countsOperations ? name() : "";
  limiter.begin();
  for (let i = 0; i < policy.limits.length; i++) {
    const { limit, tree } = policy.limits[i]!;
    if (tree !== undefined) {
      findOperations(tree, request, request.method, matches);
      if (matches.count === 0 && !matches.overflow) continue;
    }
    hashLimitKey(hash, limit.key, call, counted);
    limiter.ask(i, hash.high, hash.low);
  }
  limiter.take(nowMs, answer);
  if (answer.allowed === true && answer.shadowLimit < 0) return { verdict: access, shadow: undefined };
  const operation = name();
  const told = (position: number): Verdict => {
    const evidence: Evidence = policy.limits[position]?.evidence ?? policy.canaryEvidence;
    return throttle(answer.retryAfterSeconds, operation === "" ? evidence : { ...evidence, operation });
  };
  return {
    verdict: answer.allowed === true ? access : told(answer.limit),
    shadow: answer.shadowLimit < 0 ? undefined : told(answer.shadowLimit),
  };
}
