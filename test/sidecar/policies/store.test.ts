import assert from "node:assert/strict";
import { createLimitAnswer, limitsMax } from "../../../core/limits/limiter.ts";
import * as wire from "../../../protos/gen/picket/policy/v1alpha1/policy.ts";
import { createPolicyStore, limitsHeldMax, workloadsMax } from "../../../sidecar/policies/store.ts";
import { policyItemsMax } from "../../../sidecar/policies/read.ts";
import { accountsPolicy, resourceOf, storeOf } from "../check/policies.ts";

type Change = Parameters<typeof accountsPolicy>[0];

const gate = (...rules: readonly Parameters<typeof wire.Rule.fromPartial>[0][]): Change => ({
  gates: [{ defaultEffect: wire.Effect.EFFECT_DENY, policy: "p", rules: [...rules] }],
});
const plain = { name: "r", effect: wire.Effect.EFFECT_ALLOW, match: [{ path: "/a" }], require: {} };

const unreadable: readonly { readonly name: string; readonly change: Change; readonly says: RegExp }[] = [
  { name: "no mode", change: { mode: wire.Mode.MODE_UNSPECIFIED }, says: /no mode/ },
  { name: "no revision", change: { revision: "" }, says: /no name or revision/ },
  { name: "no failure mode", change: { failure: undefined }, says: /no failure/ },
  { name: "a gate without a default", change: { gates: [{ policy: "p", rules: [] }] }, says: /effect is missing/ },
  {
    name: "a rule without an effect",
    change: gate({ ...plain, effect: wire.Effect.EFFECT_UNSPECIFIED }),
    says: /effect is missing/,
  },
  { name: "a rule without a requirement", change: gate({ ...plain, require: undefined }), says: /no requirement/ },
  { name: "a rule that matches nothing", change: gate({ ...plain, match: [] }), says: /matches nothing/ },
  {
    name: "an unknown method",
    change: gate({ ...plain, match: [{ methods: ["FETCH"], path: "/a" }] }),
    says: /unknown method/,
  },
  { name: "a path that is no template", change: gate({ ...plain, match: [{ path: "a" }] }), says: /slash/ },
  {
    name: "a claim without values",
    change: gate({ ...plain, require: { claims: [{ name: "c", kind: 1, values: [] }] } }),
    says: /no value/,
  },
  {
    name: "a claim without comparison",
    change: gate({ ...plain, require: { claims: [{ name: "c", values: [{ kind: { $case: "text", text: "x" } }] }] } }),
    says: /no kind/,
  },
  {
    name: "an owner that the path does not name",
    change: gate({ ...plain, require: { owner: { path: "id", claim: "sub" } } }),
    says: /\{id\}/,
  },
  {
    name: "a condition that does not compile",
    change: gate({ ...plain, when: "request.metod ==" }),
    says: /condition/,
  },
  { name: "a limit without a number", change: { limits: [{ name: "l", windowMs: 1000 }] }, says: /empty/ },
  {
    name: "a limit with an unknown key",
    change: { limits: [{ name: "l", requests: 1, windowMs: 1000, key: [{}] }] },
    says: /no kind/,
  },
  {
    name: "more rules and limits than are read",
    change: gate(...Array.from({ length: policyItemsMax }, () => plain)),
    says: /has 20001 rules and limits/,
  },
  {
    name: "an issuer without a name",
    change: { issuers: [{ provider: "p0", principalClaim: "sub" }] },
    says: /issuer is empty/,
  },
];

describe("the policy store", () => {
  for (const { name, change, says } of unreadable) {
    it(`refuses a policy with ${name} and keeps the last good one`, () => {
      const store = storeOf(accountsPolicy());
      const before = store.get("bank/accounts");
      assert.throws(() => store.apply([resourceOf(accountsPolicy(change))], []), says);
      assert.equal(store.get("bank/accounts"), before);
    });
  }

  it("refuses bytes that are no policy", () => {
    const store = storeOf(accountsPolicy());
    assert.throws(
      () => store.apply([{ name: "bank/accounts", bytes: Uint8Array.of(0x0a, 0x7f) }], []),
      /not a WorkloadPolicy/,
    );
  });

  it("takes the good ones of a change and tells about the bad ones", () => {
    const store = createPolicyStore({ first: 1, second: 2 });
    const bad = { name: "bank/bad", bytes: Uint8Array.of(1) };
    assert.throws(() => store.apply([bad, resourceOf(accountsPolicy())], []), /bank\/bad/);
    assert.ok(store.get("bank/accounts") !== undefined);
    assert.equal(store.get("bank/bad"), undefined);
  });

  it("is ready once the operator has spoken, and forgets what is removed", () => {
    const store = createPolicyStore({ first: 1, second: 2 });
    assert.equal(store.isReady, false);
    store.apply([], []);
    assert.equal(store.isReady, true);
    store.apply([resourceOf(accountsPolicy())], []);
    store.apply([], ["bank/accounts"]);
    assert.equal(store.get("bank/accounts"), undefined);
  });

  it("goes on counting limits over a change of the policy", () => {
    const limit = { name: "l", policy: "bank/accounts", requests: 5, windowMs: 60_000 };
    const store = storeOf(accountsPolicy({ limits: [limit] }));
    const { limiter } = store.get("bank/accounts")!;
    limiter.begin();
    limiter.ask(0, 1, 2);
    limiter.take(1_000, { allowed: false, limit: -1, retryAfterSeconds: 1, remaining: 0, shadowLimit: -1 });
    store.apply([resourceOf(accountsPolicy({ revision: "r2", limits: [limit] }))], []);
    assert.equal(store.get("bank/accounts")!.limiter.counters(0).keys, 1);
  });

  it("bounds the memory of all limits together, and gives back that of limits that are gone", () => {
    const grownMax = 1 << 20;
    const store = createPolicyStore({ first: 1, second: 2 }, grownMax);
    const policyOf = (name: string, requests: number) =>
      resourceOf(
        accountsPolicy({ workload: name, limits: [{ name: "l", policy: "p/q", requests, windowMs: 60_000 }] }),
      );
    const names = ["ns/a", "ns/b"];
    const answer = createLimitAnswer();
    const flood = (): number => {
      for (const name of names) {
        const { limiter } = store.get(name)!;
        for (let key = 1; key < 30_000; key++) {
          limiter.begin();
          limiter.ask(0, key, Math.imul(key, 0x9e3779b1));
          limiter.take(1_000, answer);
        }
      }
      return names.reduce((sum, name) => sum + store.get(name)!.limiter.counters(0).bytes, 0);
    };
    store.apply(
      names.map((name) => policyOf(name, 5)),
      [],
    );
    const full = flood();
    assert.ok(full > grownMax / 2 && full < grownMax + 10_000, `${full} bytes`);
    store.apply(
      names.map((name) => policyOf(name, 6)),
      [],
    );
    assert.equal(flood(), full);
  });

  it("refuses a policy whose limits are more than fit over all workloads", () => {
    const store = createPolicyStore({ first: 1, second: 2 });
    const limits = Array.from({ length: limitsMax }, (_, i) => ({
      name: `l${i}`,
      policy: "p/q",
      requests: 5,
      windowMs: 1000,
    }));
    const fitting = limitsHeldMax / limitsMax;
    const policies = Array.from({ length: fitting + 1 }, (_, i) =>
      resourceOf(accountsPolicy({ workload: `ns/w${i}`, gates: [], limits })),
    );
    assert.throws(() => store.apply(policies, []), /too many limits/);
    assert.equal([...store.workloads()].length, fitting);
    // What is there already may change within the bound.
    store.apply(policies.slice(0, 1), []);
  });

  it("holds a bounded number of workloads", () => {
    const store = createPolicyStore({ first: 1, second: 2 });
    const policies = Array.from({ length: workloadsMax + 1 }, (_, i) =>
      resourceOf(accountsPolicy({ workload: `ns/w${i}`, gates: [] })),
    );
    assert.throws(() => store.apply(policies, []), /too many workloads/);
    assert.equal([...store.workloads()].length, workloadsMax);
  });
});
