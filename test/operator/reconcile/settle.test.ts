import assert from "node:assert/strict";
import { emptyMemory, parseMemory, printMemory } from "../../../operator/reconcile/accepted.ts";
import { identity, policy, settleFiles, step, workload } from "./source.ts";

const bad = (text: string): string => text.replace("mode: Enforce", "mode: Enforced");
const stateOf = (settled: ReturnType<typeof settleFiles>): Record<string, string> =>
  Object.fromEntries(settled.objects.map(({ id, state }) => [`${id.kind} ${id.name}`, state]));

describe("settle", () => {
  const good = { "w.yaml": workload("a") + workload("b", 8081), "a.yaml": policy("a"), "b.yaml": policy("b") };

  it("keeps the last good generation of a bad object and only of that", () => {
    const first = step(good);
    const second = settleFiles({ ...good, "a.yaml": bad(policy("a")) }, first.memory, 5);
    assert.deepEqual(stateOf(second), {
      "ApiPolicy a": "kept",
      "ApiPolicy b": "accepted",
      "Workload a": "accepted",
      "Workload b": "accepted",
    });
    const kept = second.objects.find(({ state }) => state === "kept");
    const before = first.settled.objects.find(({ id }) => id.name === "a" && id.kind === "ApiPolicy");
    assert.equal(kept?.generation, before?.generation);
    assert.notEqual(kept?.observed, before?.observed);
    assert.equal(kept?.badSinceMs, 5);
    assert.equal(second.problems[0]?.field, "spec.mode");
  });

  it("keeps it over a restart, with the time since when it is bad", () => {
    const first = step(good);
    const broken = { ...good, "a.yaml": bad(policy("a")) };
    const second = step(broken, first.memory, { nowMs: 5 });
    const remembered = parseMemory(printMemory(second.memory));
    assert.ok(remembered);
    const third = settleFiles(broken, remembered, 100);
    assert.equal(third.objects.find(({ state }) => state === "kept")?.badSinceMs, 5);
  });

  const lostNames: readonly [string, (text: string) => string, string, string, string][] = [
    [
      "target",
      (text) => text.replace("name: one }]\n  mode", "name: on }]\n  mode"),
      "spec.targetRefs",
      "TargetNotFound",
      "one",
    ],
    [
      "identity",
      (text) => text.replace("[{ name: id }]", "[{ name: idd }]"),
      "spec.identityRefs",
      "IdentityNotFound",
      "id",
    ],
  ];
  const protectedOne = {
    "w.yaml": workload("one"),
    "id.yaml": identity("id"),
    "one.yaml": policy("one", "  identityRefs: [{ name: id }]\n"),
  };
  for (const [what, slip, field, reason, meant] of lostNames) {
    it(`keeps the last good generation of a policy whose ${what} is misspelt, also over a restart`, () => {
      const first = step(protectedOne);
      const slipped = { ...protectedOne, "one.yaml": slip(protectedOne["one.yaml"]) };
      let memory = first.memory;
      for (let times = 0; times < 2; times++) {
        const next = step(slipped, memory);
        assert.equal(stateOf(next.settled)["ApiPolicy one"], "kept");
        const [problem] = next.settled.problems;
        assert.deepEqual(
          [next.settled.problems.length, problem?.file, problem?.field, problem?.fix],
          [1, "one.yaml", field, `did you mean ${meant}?`],
        );
        assert.equal(next.settled.objects.find(({ id }) => id.kind === "ApiPolicy")?.unresolved, reason);
        assert.equal(next.plan.workloads[0]?.effective.mode, "enforce");
        assert.equal(next.plan.workloads[0]?.effective.identities.length, 1);
        memory = parseMemory(printMemory(next.memory))!;
      }
      assert.deepEqual(step(protectedOne, memory).settled.problems, []);
    });
  }

  it("keeps a policy that was moved into a namespace where it finds nothing, and lets go what is really moved", () => {
    const first = step(protectedOne);
    const strayed = protectedOne["one.yaml"].replace("namespace: shop", "namespace: shp");
    const second = step({ ...protectedOne, "one.yaml": strayed }, first.memory);
    const third = step({ ...protectedOne, "one.yaml": strayed }, second.memory);
    assert.equal(third.plan.workloads[0]?.effective.mode, "enforce");
    assert.match(third.settled.problems[0]?.fix ?? "", /did you mean shop\/one/);
    const there = { "other.yaml": workload("one", 8081, "shp"), "id2.yaml": identity("id", "shp") };
    const moved = step({ ...protectedOne, ...there, "one.yaml": strayed }, third.memory);
    assert.equal(moved.settled.accepted.has("ApiPolicy/shop/one"), false);
  });

  it("keeps a misspelt target out although the identity of the form before is gone", () => {
    const first = step(protectedOne);
    const { "id.yaml": _gone, ...withoutIdentity } = protectedOne;
    const second = step(withoutIdentity, first.memory);
    const held = second.settled.objects.find(({ id }) => id.kind === "ApiPolicy");
    assert.deepEqual([held?.state, held?.unresolved], ["accepted", "IdentityNotFound"]);
    const slipped = withoutIdentity["one.yaml"].replace("name: one }]\n  mode", "name: on }]\n  mode");
    const third = step({ ...withoutIdentity, "one.yaml": slipped }, second.memory);
    assert.equal(third.plan.workloads[0]?.effective.mode, "enforce");
  });

  it("says at a cold start that a target is not there, and judges nothing by it", () => {
    const { settled, plan } = step({ "w.yaml": workload("one"), "b.yaml": policy("b") });
    assert.deepEqual(
      settled.problems.map(({ code, field, line }) => [code, field, line]),
      [["PKT0106", "spec.targetRefs", 5]],
    );
    assert.equal(plan.workloads[0]?.effective.mode, "observe");
  });

  it("refuses the second workload of one address, and the one that is in force stays", () => {
    const first = step({ "w.yaml": workload("b") });
    const { settled } = step({ "w.yaml": workload("b"), "twin.yaml": workload("a") }, first.memory);
    assert.deepEqual(stateOf(settled), { "Workload a": "refused", "Workload b": "accepted" });
    const [problem] = settled.problems;
    assert.deepEqual([problem?.code, problem?.file, problem?.field], ["PKT0108", "twin.yaml", "spec.listen"]);
    assert.match(problem?.message ?? "", /Workload shop\/b in w.yaml:1 listens on 127.0.0.1:8080 already/);
    assert.deepEqual(stateOf(settleFiles({ "w.yaml": workload("b") + workload("a") })), {
      "Workload a": "accepted",
      "Workload b": "refused",
    });
  });

  it("really deletes what is deleted", () => {
    const first = step(good);
    const { "a.yaml": _gone, ...rest } = good;
    const second = settleFiles(rest, first.memory);
    assert.equal(
      second.objects.some(({ id }) => id.kind === "ApiPolicy" && id.name === "a"),
      false,
    );
    assert.equal(second.accepted.has("ApiPolicy/shop/a"), false);
  });

  it("does not take a part that cannot be read for a deletion", () => {
    const first = step(good);
    const second = settleFiles({ ...good, "a.yaml": "kind: [\n" }, first.memory);
    assert.equal(stateOf(second)["ApiPolicy a"], "kept");
    const moved = settleFiles(
      { "w.yaml": good["w.yaml"], "b.yaml": good["b.yaml"], "new.yaml": "kind: [" },
      first.memory,
    );
    assert.equal(stateOf(moved)["ApiPolicy a"], "kept", "it may have moved into the file that cannot be read");
  });

  it("names both places of an object that is there twice, and uses neither", () => {
    const settled = settleFiles({ "a.yaml": policy("a"), "copy.yaml": policy("a") });
    assert.deepEqual(stateOf(settled), { "ApiPolicy a": "refused" });
    assert.deepEqual(
      settled.problems.map(({ file, message }) => [file, message]),
      [
        ["a.yaml", "ApiPolicy shop/a is also in copy.yaml:1"],
        ["copy.yaml", "ApiPolicy shop/a is also in a.yaml:1"],
      ],
    );
    const after = step({ "a.yaml": policy("a") });
    const kept = settleFiles({ "a.yaml": policy("a"), "copy.yaml": policy("a") }, after.memory);
    assert.deepEqual(stateOf(kept), { "ApiPolicy a": "kept" });
  });

  it("gives one content one generation, wherever it is written", () => {
    const [here] = settleFiles({ "a.yaml": policy("a") }).objects;
    const [there] = settleFiles({ "other.yaml": `# a comment\n\n${policy("a")}` }).objects;
    assert.equal(here?.generation, there?.generation);
    const [changed] = settleFiles({ "a.yaml": policy("a").replace("/healthz", "/other") }).objects;
    assert.notEqual(here?.generation, changed?.generation);
  });

  it("takes a memory that it cannot read for none", () => {
    for (const text of ["", "{", "[]", '{"version":2}', '{"version":1,"texts":[],"objects":[{}],"opened":[]}']) {
      assert.equal(parseMemory(text), undefined, text);
    }
    assert.deepEqual(parseMemory(printMemory(emptyMemory)), emptyMemory);
  });
});
