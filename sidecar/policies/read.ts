import type { CheckedExpression } from "../../core/expression/ast.ts";
import type { PolicyToCompile } from "../../core/policy/compiled-policy.ts";
import {
  failureDefault,
  type EffectiveLimit,
  type EffectiveRule,
  type Gate,
} from "../../core/policy/effective-policy.ts";
import {
  methods,
  type ClaimDemand,
  type ClaimScalar,
  type Denial,
  type Effect,
  type LimitKey,
  type Mode,
  type OperationMatch,
  type Requirement,
} from "../../core/policy/policy.ts";
import * as wire from "../../protos/gen/picket/policy/v1alpha1/policy.ts";
import { prepareIssuer, type PreparedIssuer } from "../check/proxy-principal.ts";

/** A policy as it came from the operator: what is judged with, and how callers are recognised. */
export interface ReceivedPolicy {
  readonly policy: PolicyToCompile;
  readonly issuers: readonly PreparedIssuer[];
  /** SHA-256 of the keys by which proxies prove themselves; empty: nobody has to. */
  readonly proxyKeyDigests: readonly Uint8Array[];
}

/** Keys of proxies that are good at a time: the present one, and others while they are exchanged. */
export const proxyKeysMax = 4;

const digestBytes = 32;

/** Thrown for a resource that is not a whole and valid WorkloadPolicy; the operator is told (NACK). */
export class UnreadablePolicyError extends Error {
  readonly code = "policy-unreadable";

  constructor(message: string) {
    super(message);
    this.name = "UnreadablePolicyError";
  }
}

/** Parses and type-checks a condition; throws for one that the operator should have refused. */
export type ConditionReader = (source: string) => CheckedExpression;

/** Gates, rules and limits of one policy that are read; more is a fault of the operator. */
export const policyItemsMax = 20_000;

/** Reads the wire form of a policy. Throws UnreadablePolicyError; a missing enum value is never given a meaning. */
export function readPolicy(bytes: Uint8Array, readCondition: ConditionReader): ReceivedPolicy {
  let message: wire.WorkloadPolicy;
  try {
    message = wire.WorkloadPolicy.decode(bytes);
  } catch {
    throw new UnreadablePolicyError("it is not a WorkloadPolicy");
  }
  if (message.workload === "" || message.revision === "") throw new UnreadablePolicyError("it has no name or revision");
  const { guards, failure, denial } = message;
  if (failure === undefined || denial === undefined) throw new UnreadablePolicyError("it has no failure or denial");
  const items = message.limits.length + message.gates.reduce((sum, gate) => sum + gate.rules.length + 1, 0);
  if (items > policyItemsMax) throw new UnreadablePolicyError(`it has ${items} rules and limits`);
  const { proxyKeyDigests } = message;
  if (proxyKeyDigests.length > proxyKeysMax || proxyKeyDigests.some(({ length }) => length !== digestBytes)) {
    throw new UnreadablePolicyError("its proxy keys are not digests");
  }
  const mode = modeOf(message.mode);
  return {
    policy: {
      workload: message.workload,
      revision: message.revision,
      mode,
      canaryPath: message.canary,
      gates: message.gates.map((gate) => readGate(gate, readCondition)),
      limits: message.limits.map((limit) => readLimit(limit)),
      guards: {
        maxBodyBytes: guards?.maxBodyBytes || undefined,
        maxJsonDepth: guards?.maxJsonDepth || undefined,
      },
      failure: { ...failureDefault, decision: effectOf(failure.decision), timeoutMs: failure.timeoutMs },
      denial: { body: bodyOf(denial.body), showReason: denial.showReason },
    },
    issuers: message.issuers.map((issuer) =>
      prepareIssuer({
        provider: nonEmpty(issuer.provider, "a provider"),
        issuer: nonEmpty(issuer.issuer, "an issuer"),
        principalClaim: nonEmpty(issuer.principalClaim, "a principal claim"),
        sessionClaim: issuer.sessionClaim || undefined,
        algorithms: new Set(issuer.algorithms),
        keysStale: issuer.keysStale,
      }),
    ),
    proxyKeyDigests,
  };
}

function readGate(gate: wire.Gate, readCondition: ConditionReader): Gate {
  return {
    policy: gate.policy,
    default: effectOf(gate.defaultEffect),
    demands: gate.demands,
    rules: gate.rules.map((rule) => readRule(rule, readCondition)),
  };
}

function readRule(rule: wire.Rule, readCondition: ConditionReader): EffectiveRule {
  // Without `require` an Allow would allow everybody: its absence is a fault, not a meaning.
  if (rule.require === undefined) throw new UnreadablePolicyError(`rule ${rule.name} has no requirement`);
  return {
    name: nonEmpty(rule.name, "a rule name"),
    policy: rule.policy,
    effect: effectOf(rule.effect),
    match: rule.match.map(readMatch),
    require: readRequirement(rule.require),
    when: rule.when === "" ? undefined : { source: rule.when, checked: readCondition(rule.when) },
    privileged: rule.privileged,
  };
}

function readMatch(match: wire.OperationMatch): OperationMatch {
  return {
    path: match.path,
    methods: match.methods.map((name) => {
      const method = methods.find((known) => known === name);
      if (method === undefined) throw new UnreadablePolicyError("it names an unknown method");
      return method;
    }),
  };
}

function readRequirement(require: wire.Requirement): Requirement {
  const { scopes, owner, authenticationLevel } = require;
  const claims = require.claims.map(readDemand);
  const needsPrincipal = scopes.length > 0 || claims.length > 0 || owner !== undefined || authenticationLevel > 0;
  return {
    authenticated: require.authenticated || needsPrincipal,
    scopes,
    claims,
    owner: owner && { path: nonEmpty(owner.path, "an owner path"), claim: nonEmpty(owner.claim, "an owner claim") },
    authenticationLevel: authenticationLevel || undefined,
  };
}

function readDemand({ name, kind, values }: wire.ClaimDemand): ClaimDemand {
  const scalars = values.map(scalarOf);
  const [first] = scalars;
  if (first === undefined) throw new UnreadablePolicyError(`claim ${name} has no value`);
  switch (kind) {
    case wire.ClaimDemand_Kind.KIND_EQUALS:
      return { name, kind: "equals", value: first };
    case wire.ClaimDemand_Kind.KIND_IN:
      return { name, kind: "in", values: scalars };
    case wire.ClaimDemand_Kind.KIND_CONTAINS:
      return { name, kind: "contains", value: first };
    default:
      throw new UnreadablePolicyError(`claim ${name} has no kind of comparison`);
  }
}

function scalarOf({ kind }: wire.Scalar): ClaimScalar {
  switch (kind?.$case) {
    case "text":
      return kind.text;
    case "number":
      return kind.number;
    case "truth":
      return kind.truth;
    default:
      throw new UnreadablePolicyError("a claim value is empty");
  }
}

function readLimit(limit: wire.Limit): EffectiveLimit {
  if (limit.requests === 0 || limit.windowMs === 0) throw new UnreadablePolicyError(`limit ${limit.name} is empty`);
  return {
    name: nonEmpty(limit.name, "a limit name"),
    policy: limit.policy,
    match: limit.match.map(readMatch),
    key: limit.key.map(readLimitKey),
    requests: limit.requests,
    windowMs: limit.windowMs,
    burst: limit.burst || undefined,
    mode: limit.mode === wire.Mode.MODE_UNSPECIFIED ? undefined : modeOf(limit.mode),
  };
}

const plainKeys = {
  [wire.LimitKey_Kind.KIND_PRINCIPAL]: "principal",
  [wire.LimitKey_Kind.KIND_CREDENTIAL]: "credential",
  [wire.LimitKey_Kind.KIND_SESSION]: "session",
  [wire.LimitKey_Kind.KIND_SOURCE_ADDRESS]: "sourceAddress",
  [wire.LimitKey_Kind.KIND_SOURCE_NETWORK]: "sourceNetwork",
  [wire.LimitKey_Kind.KIND_OPERATION]: "operation",
} as const;

function readLimitKey({ kind, name }: wire.LimitKey): LimitKey {
  if (kind === wire.LimitKey_Kind.KIND_CLAIM) return { kind: "claim", name: nonEmpty(name, "a claim") };
  if (kind === wire.LimitKey_Kind.KIND_HEADER) return { kind: "header", name: nonEmpty(name, "a header") };
  if (kind === wire.LimitKey_Kind.KIND_UNSPECIFIED) throw new UnreadablePolicyError("a limit key has no kind");
  return { kind: plainKeys[kind] };
}

function modeOf(mode: wire.Mode): Mode {
  switch (mode) {
    case wire.Mode.MODE_OBSERVE:
      return "observe";
    case wire.Mode.MODE_SHADOW:
      return "shadow";
    case wire.Mode.MODE_ENFORCE:
      return "enforce";
    default:
      throw new UnreadablePolicyError("it has no mode");
  }
}

function effectOf(effect: wire.Effect): Effect {
  switch (effect) {
    case wire.Effect.EFFECT_ALLOW:
      return "allow";
    case wire.Effect.EFFECT_DENY:
      return "deny";
    default:
      throw new UnreadablePolicyError("an effect is missing");
  }
}

function bodyOf(body: wire.Denial_Body): Denial["body"] {
  switch (body) {
    case wire.Denial_Body.BODY_PROBLEM:
      return "problem";
    case wire.Denial_Body.BODY_EMPTY:
      return "empty";
    default:
      throw new UnreadablePolicyError("the form of a refusal is missing");
  }
}

function nonEmpty(text: string, what: string): string {
  if (text === "") throw new UnreadablePolicyError(`${what} is empty`);
  return text;
}
