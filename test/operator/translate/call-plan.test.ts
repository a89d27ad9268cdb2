import assert from "node:assert/strict";
import type { EffectiveLimit, EffectivePolicy } from "../../../core/policy/effective-policy.ts";
import { callPlans } from "../../../operator/translate/call-plan.ts";
import { enforced } from "../../golden/translate/cases.ts";

const login: EffectiveLimit = {
  name: "login-per-source",
  policy: "bank/accounts",
  match: [{ methods: ["POST"], path: "/login" }],
  key: [{ kind: "sourceNetwork" }],
  requests: 10,
  windowMs: 60_000,
};
const total: EffectiveLimit = { ...login, name: "total", match: [], key: [] };

function planOf(policy: Partial<EffectivePolicy>) {
  return callPlans({ ...enforced, ...policy });
}

describe("callPlans", () => {
  it("names every operation of rules and limits once, and everything else last", () => {
    const names = planOf({ limits: [login, { ...login, name: "again" }] }).map((plan) => plan.operation);
    assert.deepEqual(names, ["GET /healthz", "GET /v1/accounts/{accountId}/**", "POST /login", "everything else"]);
  });

  it("asks nobody in Observe", () => {
    for (const plan of planOf({ mode: "observe" }))
      assert.deepEqual([plan.proxy, plan.scorer, plan.failMode], [[], [], undefined]);
  });

  it("asks the scorer about every operation of a judged workload, and says why", () => {
    const guards = { maxBodyBytes: 10, maxJsonDepth: 3 };
    const plans = planOf({ limits: [login, total], guards });
    const byName = new Map(plans.map((plan) => [plan.operation, plan]));
    assert.deepEqual(byName.get("POST /login")?.scorer, [
      "access rules",
      "limit login-per-source",
      "limit total",
      "guard maxJsonDepth",
      "canary",
    ]);
    assert.deepEqual(byName.get("GET /healthz")?.scorer, [
      "access rules",
      "limit total",
      "guard maxJsonDepth",
      "canary",
    ]);
    for (const mode of ["shadow", "enforce"] as const) {
      for (const plan of planOf({ mode, gates: [], identities: [] })) assert.ok(plan.scorer.length > 0);
    }
  });

  it("lets the proxy verify tokens, refuse ambiguity and large bodies, and shed by limits without a key", () => {
    const [plan] = planOf({ limits: [login, total], guards: { maxBodyBytes: 10 } });
    assert.deepEqual(plan?.proxy, [
      "guard ambiguous",
      "tokens of https://id.bank.example",
      "limit total",
      "guard maxBodyBytes",
    ]);
    const [shadow] = planOf({ mode: "shadow", limits: [total], guards: { maxBodyBytes: 10 } });
    assert.deepEqual(shadow?.proxy, ["tokens of https://id.bank.example"]);
  });

  it("does not shed by limits that are milder than Enforce or speak of some operations only", () => {
    const limits = [
      { ...total, mode: "shadow" as const },
      { ...total, match: login.match },
    ];
    assert.ok(planOf({ limits }).every((plan) => plan.proxy.every((clause) => !clause.startsWith("limit"))));
  });

  it("fails closed only where a refusal is enforced and the policy denies on failure", () => {
    const failure = { ...enforced.failure, decision: "allow" as const };
    assert.equal(planOf({})[0]?.failMode, "closed");
    assert.equal(planOf({ failure })[0]?.failMode, "open");
    assert.equal(planOf({ mode: "shadow" })[0]?.failMode, "open");
  });
});
