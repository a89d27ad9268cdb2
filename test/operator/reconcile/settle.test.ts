import assert from "node:assert/strict";
import { emptyMemory, parseMemory, printMemory } from "../../../operator/reconcile/accepted.ts";
import { policy, settleFiles, step, workload } from "./source.ts";

const bad = (text: string): string => text.replace("mode: Enforce", "mode: Enforced");
const stateOf = (settled: ReturnType<typeof settleFiles>): Record<string, string> =>
  Object.fromEntries(settled.objects.map(({ id, state }) => [`${id.kind} ${id.name}`, state]));

describe("settle", () => {
  const good = { "w.yaml": workload("a") + workload("b"), "a.yaml": policy("a"), "b.yaml": policy("b") };

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
