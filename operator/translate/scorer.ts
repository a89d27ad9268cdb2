import type { EffectivePolicy, Gate } from "../../core/policy/effective-policy.ts";
import {
  printId,
  type ClaimDemand,
  type Denial,
  type Effect,
  type Mode,
  type OperationMatch,
} from "../../core/policy/policy.ts";
import type { ClaimScalar, Limit, LimitKey, Requirement, Rule } from "../../core/policy/policy.ts";
import * as wire from "../../protos/gen/picket/policy/v1alpha1/policy.ts";
import { contentHash, encode, encodeResource } from "./envoy/any.ts";
import type { IssuerKeys } from "./issuers.ts";
import { digestOfProxyKey } from "./proxy-key.ts";
import type { Resource } from "./resource.ts";

/** Canary paths lie under it; a scorer refuses the one of the revision that it runs, whatever the policy says. */
export const canaryPrefix = "/.well-known/picket/canary/";

export interface ScorerPolicy {
  readonly resource: Resource;
  /** Content hash of everything that the scorer enforces. */
  readonly revision: string;
  readonly canaryPath: string;
}

type Partial<T extends { fromPartial(input: never): unknown }> = Parameters<T["fromPartial"]>[0];

/** The scorers' form of an effective policy. */
export function scorerPolicy(policy: EffectivePolicy, issuers: readonly IssuerKeys[], proxyKey?: string): ScorerPolicy {
  const workload = printId(policy.workload.id);
  const body: Partial<typeof wire.WorkloadPolicy> = {
    workload,
    mode: modeOf(policy.mode),
    gates: policy.gates.map(gateOf),
    limits: policy.limits.map((limit) => ({ ...limitOf(limit, policy.mode), policy: limit.policy })),
    guards: { maxBodyBytes: policy.guards.maxBodyBytes ?? 0, maxJsonDepth: policy.guards.maxJsonDepth ?? 0 },
    failure: { decision: effectOf(policy.failure.decision), timeoutMs: policy.failure.timeoutMs },
    denial: { body: bodyOf(policy.denial.body), showReason: policy.denial.showReason },
    issuers: issuers.map(issuerOf),
    proxyKeyDigests: proxyKey === undefined ? [] : [digestOfProxyKey(proxyKey)],
  };
  const revision = contentHash(encode(wire.WorkloadPolicy, body));
  const canaryPath = `${canaryPrefix}${revision}`;
  const resource = encodeResource(wire.WorkloadPolicy, workload, { ...body, revision, canary: canaryPath });
  return { resource, revision, canaryPath };
}

function modeOf(mode: Mode): wire.Mode {
  switch (mode) {
    case "observe":
      return wire.Mode.MODE_OBSERVE;
    case "shadow":
      return wire.Mode.MODE_SHADOW;
    case "enforce":
      return wire.Mode.MODE_ENFORCE;
  }
}

function effectOf(effect: Effect): wire.Effect {
  switch (effect) {
    case "allow":
      return wire.Effect.EFFECT_ALLOW;
    case "deny":
      return wire.Effect.EFFECT_DENY;
  }
}

function bodyOf(body: Denial["body"]): wire.Denial_Body {
  switch (body) {
    case "problem":
      return wire.Denial_Body.BODY_PROBLEM;
    case "empty":
      return wire.Denial_Body.BODY_EMPTY;
  }
}

function gateOf(gate: Gate): Partial<typeof wire.Gate> {
  return {
    defaultEffect: effectOf(gate.default),
    policy: gate.policy,
    demands: gate.demands,
    rules: gate.rules.map((rule) => ({ ...ruleOf(rule), policy: rule.policy })),
  };
}

function ruleOf(rule: Rule): Partial<typeof wire.Rule> {
  return {
    name: rule.name,
    effect: effectOf(rule.effect),
    match: rule.match.map(matchOf),
    require: requirementOf(rule.require),
    when: rule.when?.source ?? "",
    privileged: rule.privileged,
  };
}

function matchOf(match: OperationMatch): Partial<typeof wire.OperationMatch> {
  return { methods: [...match.methods], path: match.path };
}

function requirementOf(require: Requirement): Partial<typeof wire.Requirement> {
  return {
    authenticated: require.authenticated,
    scopes: [...require.scopes],
    claims: require.claims.map(claimOf),
    ...(require.owner !== undefined && { owner: { path: require.owner.path, claim: require.owner.claim } }),
    authenticationLevel: require.authenticationLevel ?? 0,
  };
}

function claimOf(claim: ClaimDemand): Partial<typeof wire.ClaimDemand> {
  const { name } = claim;
  switch (claim.kind) {
    case "equals":
      return { name, kind: wire.ClaimDemand_Kind.KIND_EQUALS, values: [scalarOf(claim.value)] };
    case "in":
      return { name, kind: wire.ClaimDemand_Kind.KIND_IN, values: claim.values.map(scalarOf) };
    case "contains":
      return { name, kind: wire.ClaimDemand_Kind.KIND_CONTAINS, values: [scalarOf(claim.value)] };
  }
}

function scalarOf(value: ClaimScalar): Partial<typeof wire.Scalar> {
  switch (typeof value) {
    case "string":
      return { kind: { $case: "text", text: value } };
    case "number":
      return { kind: { $case: "number", number: value } };
    case "boolean":
      return { kind: { $case: "truth", truth: value } };
  }
}

function limitOf(limit: Limit, mode: Mode): Partial<typeof wire.Limit> {
  return {
    name: limit.name,
    match: limit.match.map(matchOf),
    key: limit.key.map(keyOf),
    requests: limit.requests,
    windowMs: limit.windowMs,
    burst: limit.burst ?? 0,
    mode: modeOf(limit.mode ?? mode),
  };
}

const keyKinds = {
  principal: wire.LimitKey_Kind.KIND_PRINCIPAL,
  credential: wire.LimitKey_Kind.KIND_CREDENTIAL,
  session: wire.LimitKey_Kind.KIND_SESSION,
  sourceAddress: wire.LimitKey_Kind.KIND_SOURCE_ADDRESS,
  sourceNetwork: wire.LimitKey_Kind.KIND_SOURCE_NETWORK,
  operation: wire.LimitKey_Kind.KIND_OPERATION,
  claim: wire.LimitKey_Kind.KIND_CLAIM,
  header: wire.LimitKey_Kind.KIND_HEADER,
} as const satisfies Record<LimitKey["kind"], wire.LimitKey_Kind>;

function keyOf(key: LimitKey): Partial<typeof wire.LimitKey> {
  return { kind: keyKinds[key.kind], name: "name" in key ? key.name : "" };
}

function issuerOf({ provider, identity, jwt, jwks }: IssuerKeys): Partial<typeof wire.Issuer> {
  return {
    provider,
    issuer: jwt.issuer,
    principalClaim: identity.principalClaim,
    sessionClaim: identity.sessionClaim ?? "",
    algorithms: [...jwt.algorithms],
    keysStale: jwks === undefined,
  };
}
