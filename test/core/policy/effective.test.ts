import assert from "node:assert/strict";
import { effectivePolicies } from "../../../core/policy/effective.ts";
import type { EffectivePolicy } from "../../../core/policy/effective-policy.ts";
import { modes, type Policy } from "../../../core/policy/policy.ts";
import {
  callOf,
  identity,
  judgeOf,
  noDemands,
  paths,
  pick,
  policy,
  principals,
  randomFrom,
  randomPolicy,
  workload,
} from "./random-policies.ts";

/** Random stacks that each property looks at. */
const stacks = 10_000;

function merge(policies: readonly Policy[]): EffectivePolicy {
  return effectivePolicies({ workloads: [workload], policies, identities: [identity] }).effective[0]!;
}

const rule = (
  name: string,
  effect: "allow" | "deny",
  path: string,
): NonNullable<Policy["access"]>["rules"][number] => ({
  name,
  effect,
  match: [{ methods: [], path }],
  require: noDemands,
  privileged: false,
});

const id = (name: string, namespace = "bank"): Policy["id"] => ({ kind: "ApiPolicy", namespace, name });

describe("effectivePolicies", () => {
  it("observes a workload that no policy speaks about", () => {
    const effective = merge([]);
    assert.equal(effective.mode, "observe");
    assert.deepEqual(effective.gates, []);
  });

  it("denies by default in a policy without access rules", () => {
    const effective = merge([policy({ id: id("empty"), mode: "enforce" })]);
    assert.equal(judgeOf(effective).judge(callOf("GET", "/a"), 0).verdict.reason, "no-rule-matched");
  });

  it("lets the more specific default win field by field and rules by name", () => {
    const effective = merge([
      policy({
        id: id("general"),
        target: { kind: "namespace" },
        mode: "shadow",
        access: { default: "deny", rules: [rule("a", "allow", "/a"), rule("b", "deny", "/b")] },
        failure: { decision: "deny", timeoutMs: 50 },
      }),
      policy({
        id: id("own"),
        mode: "enforce",
        access: { rules: [rule("b", "allow", "/b")] },
        failure: { decision: "allow" },
      }),
    ]);
    assert.equal(effective.mode, "enforce");
    assert.deepEqual(
      effective.gates[0]!.rules.map((r) => [r.name, r.effect, r.policy]),
      [
        ["a", "allow", "bank/general"],
        ["b", "allow", "bank/own"],
      ],
    );
    assert.deepEqual([effective.failure.decision, effective.failure.timeoutMs], ["allow", 50]);
    const line = effective.lines.find(({ field }) => field === "access.rules[b]");
    assert.deepEqual([line?.policy, line?.overrides], ["bank/own", ["bank/general"]]);
  });

  it("says what each line holds, in the words of the YAML", () => {
    const { lines } = merge([
      policy({
        id: id("own"),
        mode: "enforce",
        identityRefs: ["bank", "staff"],
        access: {
          default: "deny",
          rules: [
            rule("closed", "deny", "/admin/**"),
            {
              ...rule("a", "allow", "/a/{id}"),
              match: [
                { methods: ["GET", "POST"], path: "/a/{id}" },
                { methods: [], path: "/b" },
              ],
              privileged: true,
            },
          ],
        },
        limits: [
          { name: "slow", match: [], key: [{ kind: "principal" }], requests: 100, windowMs: 60_000 },
          {
            name: "login",
            match: [{ methods: ["POST"], path: "/login" }],
            key: [{ kind: "sourceNetwork" }, { kind: "claim", name: "tenant" }],
            requests: 5,
            windowMs: 90_000,
            burst: 20,
            mode: "shadow",
          },
        ],
        guards: { maxBodyBytes: 65_536 },
        failure: { decision: "deny", timeoutMs: 250, keysMaxStaleMs: 86_400_000 },
        denial: { body: "empty", showReason: true },
      }),
      policy({
        id: id("floor"),
        strategy: "floor",
        target: { kind: "namespace" },
        access: { rules: [rule("f", "deny", "/x")] },
      }),
    ]);
    assert.deepEqual(
      lines.map(({ field, value }) => [field, value]),
      [
        ["mode", "Enforce"],
        ["identityRefs", "bank, staff"],
        ["access.default", "Deny"],
        ["access.rules[closed]", "Deny /admin/**"],
        ["access.rules[a]", "Allow GET,POST /a/{id}, /b (privileged)"],
        ["limits[slow]", "100 per 1m by Principal"],
        ["limits[login]", "5 per 90s by SourceNetwork, claim tenant for POST /login, burst 20, mode Shadow"],
        ["guards.maxBodyBytes", "65536"],
        ["failure.decision", "Deny"],
        ["failure.timeout", "250ms"],
        ["failure.keysMaxStale", "1d"],
        ["denial.body", "Empty"],
        ["denial.showReason", "true"],
        ["floor bank/floor: access.rules[f]", "Deny /x"],
      ],
    );
  });

  it("lets the older of two policies of one level hold and reports the other", () => {
    const result = effectivePolicies({
      workloads: [workload],
      identities: [],
      policies: [
        policy({ id: id("young"), createdMs: 2, mode: "observe" }),
        policy({ id: id("old"), createdMs: 1, mode: "enforce" }),
      ],
    });
    assert.equal(result.effective[0]!.mode, "enforce");
    assert.deepEqual(result.conflicts, [{ policy: "bank/young", winner: "bank/old" }]);
  });

  it("reports a target, an identity and a floor that cannot be what they say", () => {
    const { unresolved } = effectivePolicies({
      workloads: [workload],
      identities: [],
      policies: [
        policy({ id: id("lost"), target: { kind: "workloads", refs: [{ kind: "Deployment", name: "nobody" }] } }),
        policy({ id: id("stranger"), identityRefs: ["missing"] }),
        policy({ id: id("wide"), strategy: "floor", target: { kind: "namespace" }, identityRefs: ["bank"] }),
        policy({ id: id("hasty"), strategy: "floor", target: { kind: "namespace" }, failure: { timeoutMs: 5 } }),
      ],
    });
    assert.deepEqual(unresolved.map(({ policy: name }) => name).toSorted(), [
      "bank/hasty",
      "bank/lost",
      "bank/stranger",
      "bank/wide",
    ]);
  });

  it("reports policies that together hold more limits than are counted", () => {
    const floors = Array.from({ length: 9 }, (_, i) =>
      policy({
        id: id(`floor${i}`),
        strategy: "floor",
        target: { kind: "namespace" },
        limits: Array.from({ length: 32 }, (_limit, n) => ({
          name: `l${n}`,
          match: [],
          key: [],
          requests: 1,
          windowMs: 1000,
        })),
      }),
    );
    const { unresolved } = effectivePolicies({ workloads: [workload], identities: [], policies: floors });
    assert.equal(unresolved.length, 9);
    assert.match(unresolved[0]!.message, /288 limits/);
  });

  it("takes the strictest mode and the smallest guard of floors, and never their mildness", () => {
    const floor = policy({
      id: id("floor"),
      strategy: "floor",
      target: { kind: "namespace" },
      mode: "enforce",
      guards: { maxBodyBytes: 10 },
      failure: { decision: "deny" },
    });
    const own = policy({
      id: id("own"),
      mode: "observe",
      guards: { maxBodyBytes: 100 },
      failure: { decision: "allow" },
    });
    const effective = merge([own, floor]);
    assert.equal(effective.mode, "enforce");
    assert.equal(effective.guards.maxBodyBytes, 10);
    assert.equal(effective.failure.decision, "deny");
    const mild = policy({ ...floor, mode: "observe", guards: { maxBodyBytes: 1_000 }, failure: { decision: "allow" } });
    const strict = policy({ ...own, mode: "enforce", failure: { decision: "deny" } });
    const kept = merge([strict, mild]);
    assert.deepEqual([kept.mode, kept.guards.maxBodyBytes, kept.failure.decision], ["enforce", 100, "deny"]);
  });

  it("gives the same result whatever the order of the objects", () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const random = randomFrom(seed);
      const policies = Array.from({ length: 5 }, (_, i) =>
        randomPolicy(random, i, random() < 0.4 ? "floor" : "default"),
      );
      const shuffled = policies.toSorted(() => random() - 0.5);
      assert.deepEqual(merge(shuffled), merge(policies), `seed ${seed}`);
    }
  });

  it(`never turns a refusal into an allow by adding a floor (${stacks} random stacks)`, () => {
    let refusals = 0;
    for (let seed = 0; seed < stacks; seed++) {
      const random = randomFrom(seed);
      const base = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i) =>
        randomPolicy(random, i, random() < 0.3 ? "floor" : "default"),
      );
      const before = merge(base);
      const after = merge([...base, randomPolicy(random, 99, "floor")]);
      assert.ok(modes.indexOf(after.mode) >= modes.indexOf(before.mode), `mode, seed ${seed}`);
      assert.ok(!(before.failure.decision === "deny" && after.failure.decision === "allow"), `failure, seed ${seed}`);
      assert.equal(after.failure.timeoutMs, before.failure.timeoutMs);
      assert.ok(
        (after.guards.maxBodyBytes ?? Infinity) <= (before.guards.maxBodyBytes ?? Infinity),
        `guards, seed ${seed}`,
      );
      if (before.gates.length === 0) continue;
      const judgeBefore = judgeOf(before);
      const judgeAfter = judgeOf(after);
      // The same calls in the same order, so that limits count alike.
      for (let i = 0; i < 6; i++) {
        const call = callOf(pick(random, ["GET", "POST"]), pick(random, paths), pick(random, principals));
        const first = judgeBefore.judge(call, 1_000_000 + i).verdict;
        const second = judgeAfter.judge(call, 1_000_000 + i).verdict;
        if (first.kind === "allow") continue;
        // A limit counts what is let through: where the floor refused before, the window may still be open.
        if (first.kind === "throttle") continue;
        refusals++;
        assert.notEqual(second.kind, "allow", `seed ${seed}: ${first.reason} became ${second.reason}`);
      }
    }
    assert.ok(refusals > stacks, "the stacks must hold enough refusals to say something");
  });
});
