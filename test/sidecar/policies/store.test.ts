import assert from "node:assert/strict";
import * as wire from "../../../protos/gen/picket/policy/v1alpha1/policy.ts";
import { createPolicyStore, workloadsMax } from "../../../sidecar/policies/store.ts";
import { accountsPolicy, resourceOf, storeOf } from "../check/policies.ts";

type Change = Parameters<typeof accountsPolicy>[0];

const gate = (rule: Parameters<typeof wire.Rule.fromPartial>[0]): Change => ({
  gates: [{ defaultEffect: wire.Effect.EFFECT_DENY, policy: "p", rules: [rule] }],
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

  it("holds a bounded number of workloads", () => {
    const store = createPolicyStore({ first: 1, second: 2 });
    const policies = Array.from({ length: workloadsMax + 1 }, (_, i) =>
      resourceOf(accountsPolicy({ workload: `ns/w${i}`, gates: [] })),
    );
    assert.throws(() => store.apply(policies, []), /too many workloads/);
    assert.equal([...store.workloads()].length, workloadsMax);
  });
});
