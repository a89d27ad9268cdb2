import { createPolicyStore, type PolicyStore } from "../../../sidecar/policies/store.ts";
import * as wire from "../../../protos/gen/picket/policy/v1alpha1/policy.ts";

/** A policy of the bank's accounts in wire form: its owner reads, an admin does all, the rest is denied. */
export function accountsPolicy(
  changes: Parameters<typeof wire.WorkloadPolicy.fromPartial>[0] = {},
): wire.WorkloadPolicy {
  return wire.WorkloadPolicy.fromPartial({
    workload: "bank/accounts",
    revision: "r1",
    mode: wire.Mode.MODE_ENFORCE,
    gates: [
      {
        defaultEffect: wire.Effect.EFFECT_DENY,
        policy: "bank/accounts",
        rules: [
          {
            name: "owner",
            policy: "bank/accounts",
            effect: wire.Effect.EFFECT_ALLOW,
            match: [{ methods: ["GET"], path: "/v1/accounts/{id}" }],
            require: { authenticated: true, scopes: ["accounts:read"], owner: { path: "id", claim: "account" } },
          },
          {
            name: "health",
            policy: "bank/accounts",
            effect: wire.Effect.EFFECT_ALLOW,
            match: [{ methods: ["GET"], path: "/healthz" }],
            require: {},
          },
          {
            name: "transfer",
            policy: "bank/accounts",
            effect: wire.Effect.EFFECT_ALLOW,
            match: [{ methods: ["POST"], path: "/transfer" }],
            require: {},
          },
        ],
      },
    ],
    failure: { decision: wire.Effect.EFFECT_DENY, timeoutMs: 100 },
    denial: { body: wire.Denial_Body.BODY_PROBLEM, showReason: false },
    issuers: [{ provider: "p0", issuer: "https://id.bank.example", principalClaim: "sub", algorithms: ["ES256"] }],
    canary: "/.well-known/picket/canary/r1",
    ...changes,
  });
}

export function storeOf(...policies: readonly wire.WorkloadPolicy[]): PolicyStore {
  const store = createPolicyStore({ first: 1, second: 2 });
  store.apply(policies.map(resourceOf), []);
  return store;
}

export function resourceOf(policy: wire.WorkloadPolicy) {
  return { name: policy.workload, bytes: wire.WorkloadPolicy.encode(policy).finish() };
}
