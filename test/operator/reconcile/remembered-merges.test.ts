import assert from "node:assert/strict";
import { effectivePolicies } from "../../../core/policy/effective.ts";
import type { Identity, Workload } from "../../../core/policy/identity.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import { rememberedMerges } from "../../../operator/reconcile/remembered-merges.ts";
import { identity, pick, randomFrom, randomPolicy, workload } from "../../core/policy/random-policies.ts";

/** Random changes, one after the other. */
const changes = 500;

describe("remembered merges", () => {
  const workloads: readonly Workload[] = ["bank", "shop"].flatMap((namespace) =>
    ["accounts", "orders"].map((name) => ({ ...workload, id: { kind: "Workload", namespace, name } })),
  );

  it("are those that would be made anew, whatever changes", () => {
    const random = randomFrom(7);
    const remember = rememberedMerges();
    let identities: readonly Identity[] = [identity];
    let policies: readonly Policy[] = [];
    for (let turn = 0; turn < changes; turn++) {
      const number = Math.floor(random() * 6);
      const drawn = randomPolicy(random, number, random() < 0.3 ? "floor" : "default");
      const namespace = drawn.target.kind === "cluster" ? "" : pick(random, ["bank", "shop"]);
      const id = { ...drawn.id, namespace };
      const others = policies.filter((one) => one.id.name !== id.name);
      policies = random() < 0.2 ? others : [...others, { ...drawn, id, identityRefs: ["bank"] }];
      if (random() < 0.1) identities = random() < 0.5 ? [] : [{ ...identity, principalClaim: `claim-${turn}` }];
      const objects = { workloads: workloads.slice(Math.floor(random() * 2)), policies, identities };
      assert.deepEqual(effectivePolicies(objects, remember), effectivePolicies(objects));
    }
  });

  it("are the same objects where nothing of theirs changed", () => {
    const remember = rememberedMerges();
    const own = randomPolicy(randomFrom(1), 1, "default");
    const inBank = { ...own, id: { ...own.id, namespace: "bank" }, target: { kind: "namespace" as const } };
    const first = effectivePolicies({ workloads, policies: [inBank], identities: [] }, remember).effective;
    const changed = [{ ...inBank }];
    const second = effectivePolicies({ workloads, policies: changed, identities: [] }, remember).effective;
    const isSame = second.map((policy, index) => policy === first[index]);
    assert.deepEqual(isSame, [false, false, true, true]);
  });
});
