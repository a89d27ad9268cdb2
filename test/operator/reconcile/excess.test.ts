import assert from "node:assert/strict";
import { excessOf, objectsMax, rememberedCharactersMax } from "../../../operator/reconcile/excess.ts";
import { policy, settleFiles, step, workload } from "./source.ts";

describe("excessOf", () => {
  const settled = settleFiles({ "w.yaml": workload("a"), "a.yaml": policy("a") });

  it("takes what fits, up to the bound", () => {
    assert.equal(excessOf(settled), undefined);
    assert.equal(
      excessOf({ ...settled, objects: Array.from({ length: objectsMax }, () => settled.objects[0]!) }),
      undefined,
    );
  });

  it("refuses one object more, and says how many are only kept", () => {
    const objects = Array.from({ length: objectsMax + 1 }, () => ({ ...settled.objects[0]!, state: "kept" as const }));
    assert.match(excessOf({ ...settled, objects }) ?? "", /10001 objects, 10001 of them kept/);
  });

  it("refuses texts that are longer together than is remembered, each counted once", () => {
    const [one] = settled.accepted.values();
    const text = "x".repeat(rememberedCharactersMax / 2);
    const accepted = (...texts: readonly string[]) => new Map(texts.map((own, i) => [`${i}`, { ...one!, text: own }]));
    assert.equal(excessOf({ ...settled, accepted: accepted(text, text, text) }), undefined);
    assert.match(excessOf({ ...settled, accepted: accepted(text, `${text}y`) }) ?? "", /characters/);
  });

  it("counts what changes leave behind while a part of the source cannot be read", () => {
    const broken = { "w.yaml": workload("a"), "broken.yaml": "kind: [" };
    let memory = step({ ...broken, "a.yaml": policy("a") }).memory;
    for (const name of ["b", "c", "d"]) memory = step({ ...broken, "a.yaml": policy(name) }, memory).memory;
    assert.equal(memory.accepted.size, 5);
  });
});
