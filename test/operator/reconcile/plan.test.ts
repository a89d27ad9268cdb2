import assert from "node:assert/strict";
import fc from "fast-check";
import { WorkloadPolicy } from "../../../protos/gen/picket/policy/v1alpha1/policy.ts";
import type { KeyState } from "../../../operator/reconcile/issuer-keys.ts";
import { fetchedIdentity, identity, keysUri, policy, states, step, workload } from "./source.ts";

const bad = (text: string): string => text.replace("mode: Enforce", "mode: Enforced");
const withIdentity = (name: string): string => policy(name, "  identityRefs: [{ name: id }]\n");

describe("plan", () => {
  const workloads = workload("a", 8080) + workload("b", 8081) + workload("c", 8082, "other");

  it("closes at the first start only the workloads that a bad policy targets", () => {
    const { plan } = step({ "w.yaml": workloads, "a.yaml": bad(policy("a")), "b.yaml": policy("b") });
    assert.deepEqual(states(plan), { "shop/a": "bad-object", "shop/b": "open", "other/c": "open" });
    assert.deepEqual(plan.workloads.find(({ name }) => name === "shop/a")?.scorer, []);
  });

  it("closes the namespace of a bad policy whose target cannot be told", () => {
    const text = policy("a").replace("targetRefs: [{ group: apps, kind: Deployment, name: a }]", "targetRefs: 5");
    const { plan } = step({ "w.yaml": workloads, "a.yaml": text, "b.yaml": policy("b") });
    assert.deepEqual(states(plan), { "shop/a": "bad-object", "shop/b": "bad-object", "other/c": "open" });
  });

  it("closes what a file that is no YAML names, and everything when it names nothing", () => {
    const torn = policy("a").replace("methods: [GET]", "methods: [GET");
    const { plan } = step({ "w.yaml": workloads, "a.yaml": torn, "b.yaml": policy("b") });
    assert.deepEqual(states(plan), { "shop/a": "bad-object", "shop/b": "open", "other/c": "open" });
    const silent = step({ "w.yaml": workloads, "a.yaml": "spec: [\n" });
    assert.deepEqual([...new Set(Object.values(states(silent.plan)))], ["bad-object"]);
    const cluster = step({ "w.yaml": workloads, "a.yaml": torn.replace("kind: ApiPolicy", "kind: ClusterApiPolicy") });
    assert.deepEqual([...new Set(Object.values(states(cluster.plan)))], ["bad-object"]);
  });

  it("closes everything for a bad setting of the install", () => {
    const config =
      "apiVersion: picket.dev/v1alpha1\nkind: PicketConfig\nmetadata: { name: default }\nspec: { nope: 1 }\n";
    const { plan } = step({ "w.yaml": workloads, "c.yaml": config });
    assert.deepEqual([...new Set(Object.values(states(plan)))], ["bad-object"]);
  });

  it("closes workloads whose policy refers to an identity that was never good", () => {
    const { plan } = step({
      "w.yaml": workloads,
      "a.yaml": withIdentity("a"),
      "b.yaml": policy("b"),
      "id.yaml": identity("id").replace("ES256]", "HS256]"),
    });
    assert.deepEqual(states(plan), { "shop/a": "bad-object", "shop/b": "open", "other/c": "open" });
  });

  it("does not close a workload that was served because a new object is bad", () => {
    const first = step({ "w.yaml": workloads, "a.yaml": policy("a") });
    const { plan } = step({ "w.yaml": workloads, "a.yaml": policy("a"), "z.yaml": bad(policy("b")) }, first.memory);
    assert.deepEqual(states(plan), { "shop/a": "open", "shop/b": "open", "other/c": "open" });
    const before = new Map(first.plan.workloads.map(({ name, scorer }) => [name, scorer[0]?.version]));
    for (const { name, scorer } of plan.workloads) assert.equal(scorer[0]?.version, before.get(name));
  });

  it("gives equal resources for equal content, whatever the order and the files", () => {
    const parts = [policy("a"), policy("b"), workload("a", 8080), workload("b", 8081), identity("id")];
    const versions = (files: Record<string, string>): string[] =>
      step(files)
        .plan.workloads.flatMap(({ placements, scorer }) => [
          ...placements.flatMap(({ resources }) => resources),
          ...scorer,
        ])
        .map(({ name, typeUrl, version }) => `${typeUrl} ${name} ${version}`)
        .toSorted();
    const expected = versions({ "all.yaml": parts.join("") });
    fc.assert(
      fc.property(
        fc.shuffledSubarray(parts, { minLength: parts.length }),
        fc.integer({ min: 1, max: 4 }),
        (order, cut) => {
          const files = { "x.yaml": order.slice(0, cut).join(""), "y.yaml": order.slice(cut).join("") };
          assert.deepEqual(versions(files), expected);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("takes keys for stale once their identity is bad for longer than the policy accepts, by time alone", () => {
    const files = {
      "w.yaml": workload("a"),
      "a.yaml": withIdentity("a").replace("  access:", "  failure: { keysMaxStale: 1h }\n  access:"),
      "id.yaml": identity("id"),
    };
    const hour = 3_600_000;
    const first = step(files);
    const broken = { ...files, "id.yaml": identity("id").replace("ES256]", "HS256]") };
    const second = step(broken, first.memory, { nowMs: 1_000 });
    const staleOf = ({ plan }: ReturnType<typeof step>): boolean | undefined =>
      WorkloadPolicy.decode(plan.workloads[0]!.scorer[0]!.bytes).issuers[0]?.keysStale;
    assert.equal(staleOf(second), false);
    assert.equal(second.plan.nextMs, hour + 1_000);
    const third = step(broken, second.memory, { nowMs: hour + 1_000 });
    assert.equal(staleOf(third), true);
    assert.deepEqual([...third.plan.stale], ["ApiIdentity/shop/id"]);
    assert.equal(
      JSON.stringify(
        third.plan.workloads[0]!.placements[0]!.resources.map(({ bytes }) => Buffer.from(bytes).toString("latin1")),
      ).includes("xizmJExnfUTytiYm"),
      false,
    );
    assert.equal(staleOf(step(files, third.memory, { nowMs: hour + 2_000 })), false);
  });

  describe("with keys that are fetched", () => {
    const hour = 3_600_000;
    const withAge = (age: string): string =>
      withIdentity("a").replace("  access:", `  failure: { keysMaxStale: ${age} }\n  access:`);
    const files = { "w.yaml": workload("a"), "a.yaml": withAge("1h"), "id.yaml": fetchedIdentity("id") };
    const jwks = JSON.parse(/inline: '(.*)'/.exec(identity("id"))?.[1] ?? "") as { keys: { x: string }[] };
    const held = (fetchedMs: number): KeyState => ({
      keys: new Map([[keysUri, { jwks: JSON.stringify(jwks), fetchedMs }]]),
      faults: new Map(),
    });
    const isStale = ({ plan }: ReturnType<typeof step>): boolean | undefined =>
      WorkloadPolicy.decode(plan.workloads[0]!.scorer[0]!.bytes).issuers[0]?.keysStale;
    const holdsKey = ({ plan }: ReturnType<typeof step>): boolean =>
      plan.workloads[0]!.placements[0]!.resources.some(({ bytes }) => Buffer.from(bytes).includes(jwks.keys[0]!.x));

    it("names what is to be followed, with how long a policy believes it", () => {
      const issuer = { uri: keysUri, identity: "shop/id", algorithms: ["ES256"] };
      assert.deepEqual(step(files).plan.followed, [{ ...issuer, maxStaleMs: hour }]);
      const unused = { ...files, "a.yaml": policy("a") };
      assert.deepEqual(step(unused).plan.followed, [{ ...issuer, maxStaleMs: undefined }]);
      assert.deepEqual(step({ ...files, "id.yaml": identity("id") }).plan.followed, []);
    });

    it("lets nobody in before they are there, and says so", () => {
      const none = step(files);
      assert.deepEqual([isStale(none), holdsKey(none), none.plan.nextMs], [true, false, undefined]);
      assert.match(none.plan.keyTroubles.get("ApiIdentity/shop/id")?.message ?? "", /not been asked for yet/);
      assert.deepEqual(states(none.plan), { "shop/a": "open" });
    });

    it("gives them to the proxies, and tells when they will be too old", () => {
      const fresh = step(files, undefined, { nowMs: 2_000, keyState: held(1_000) });
      assert.deepEqual([isStale(fresh), holdsKey(fresh), fresh.plan.nextMs], [false, true, hour + 1_000]);
      assert.deepEqual([...fresh.plan.keyTroubles], []);
    });

    it("believes them no longer than the policy does, by time alone", () => {
      const old = step(files, undefined, { nowMs: hour + 1_000, keyState: held(1_000) });
      assert.deepEqual([isStale(old), holdsKey(old)], [true, false]);
      assert.deepEqual([...old.plan.stale], ["ApiIdentity/shop/id"]);
      const patient = { ...files, "a.yaml": withAge("2h") };
      assert.equal(isStale(step(patient, undefined, { nowMs: hour + 1_000, keyState: held(1_000) })), false);
    });

    it("does not take keys for young because the clock was set back", () => {
      const { plan } = step(files, undefined, { nowMs: 1_000, keyState: held(9_000_000) });
      assert.equal(plan.nextMs, hour + 1_000);
    });

    it("says why they do not come, while the last ones serve and when there are none", () => {
      const faults = new Map([[keysUri, { failure: "status", sentence: "the host answers with an error" }]] as const);
      const kept = step(files, undefined, { keyState: { ...held(0), faults } });
      assert.deepEqual([kept.plan.keyTroubles.get("ApiIdentity/shop/id")?.kind, isStale(kept)], ["kept", false]);
      const missing = step(files, undefined, { keyState: { keys: new Map(), faults } });
      const trouble = missing.plan.keyTroubles.get("ApiIdentity/shop/id");
      assert.equal(trouble?.kind, "missing");
      assert.match(trouble?.message ?? "", /https:\/\/id\.example .* answers with an error; its tokens fail/);
    });

    it("keeps the last ones of an identity that is broken, for as long as the policy says", () => {
      const first = step(files, undefined, { keyState: held(0) });
      const broken = { ...files, "id.yaml": fetchedIdentity("id").replace("ES256]", "HS256]") };
      const second = step(broken, first.memory, { nowMs: 1_000, keyState: held(500) });
      assert.deepEqual([isStale(second), second.plan.followed.length], [false, 1]);
      const third = step(broken, second.memory, { nowMs: hour + 1_000, keyState: held(hour) });
      assert.deepEqual([isStale(third), holdsKey(third)], [true, false]);
    });
  });

  it("closes a workload whose application answered, until its generation changes", () => {
    const files = { "w.yaml": workload("a"), "a.yaml": policy("a") };
    const first = step(files);
    const { state } = first.plan.workloads[0]!;
    assert.equal(state.kind, "open");
    const leaking = new Map([["shop/a", state.translation?.revision ?? ""]]);
    assert.deepEqual(states(step(files, first.memory, { leaking }).plan), { "shop/a": "canary-failed" });
    const changed = { ...files, "a.yaml": policy("a").replace("/healthz", "/other") };
    assert.deepEqual(states(step(changed, first.memory, { leaking }).plan), { "shop/a": "open" });
  });
});
