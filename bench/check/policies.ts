import * as wire from "../../protos/gen/picket/policy/v1alpha1/policy.ts";

/** A policy with this many rules, in the shape of the example bank: owners, scopes, roles, one condition, one limit. */
export function policyWithRules(count: number): wire.WorkloadPolicy {
  const rules = Array.from({ length: count }, (_, i) => ruleNumber(i));
  return wire.WorkloadPolicy.fromPartial({
    workload: "bank/accounts",
    revision: `rules-${count}`,
    mode: wire.Mode.MODE_ENFORCE,
    gates: [{ defaultEffect: wire.Effect.EFFECT_DENY, policy: "bank/accounts", rules }],
    limits: [
      {
        name: "per-principal",
        policy: "bank/accounts",
        key: [{ kind: wire.LimitKey_Kind.KIND_PRINCIPAL }],
        requests: 1_000_000,
        windowMs: 60_000,
      },
    ],
    failure: { decision: wire.Effect.EFFECT_DENY, timeoutMs: 100 },
    denial: { body: wire.Denial_Body.BODY_PROBLEM, showReason: false },
    issuers: [{ provider: "p0", issuer: "https://id.bank.example", principalClaim: "sub", algorithms: ["ES256"] }],
    canary: "/.well-known/picket/canary/bench",
  });
}

function ruleNumber(i: number): wire.Rule {
  const deny = i % 10 === 9;
  return wire.Rule.fromPartial({
    name: `rule-${i}`,
    policy: "bank/accounts",
    effect: deny ? wire.Effect.EFFECT_DENY : wire.Effect.EFFECT_ALLOW,
    match: [{ methods: deny ? [] : ["GET"], path: deny ? `/internal${i}/**` : `/v1/resource${i}/{id}/items` }],
    require: deny ? {} : { authenticated: true, scopes: ["accounts:read"], owner: { path: "id", claim: "account" } },
    when: i % 5 === 0 && !deny ? 'request.hour >= 0 && principal.claims.segment == "retail"' : "",
  });
}
