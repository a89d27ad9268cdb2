import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { inject, type Injection } from "../../../operator/inject/inject.ts";
import { folder, goldenPods } from "../../golden/inject/cases.ts";
import { applyPatch } from "./apply-patch.ts";

describe("inject, golden files", () => {
  it("has at least thirty pods that are injected", () => {
    assert.ok(goldenPods.filter((one) => inject(one.pod, one).kind === "injected").length >= 30);
  });

  for (const one of goldenPods) {
    it(`gives what ${one.name}.out.yaml says`, () => {
      const text = stringify(readable(inject(one.pod, one)), { lineWidth: 120, aliasDuplicateObjects: false });
      const path = join(folder, `${one.name}.out.yaml`);
      if (process.env.PICKET_GOLDEN === "write") writeFileSync(path, text);
      assert.equal(text, readFileSync(path, "utf8"), `${one.name} differs; PICKET_GOLDEN=write rewrites it`);
    });

    it(`makes the pod by its patch and changes nothing at a second look: ${one.name}`, () => {
      const before = structuredClone(one.pod);
      const result = inject(one.pod, one);
      assert.deepEqual(one.pod, before);
      if (result.kind !== "injected") return;
      assert.deepEqual(applyPatch(one.pod, result.patch), result.pod);
      assert.deepEqual(inject(result.pod, one), { ...result, patch: [] });
    });
  }
});

/** The patch as what it touches: its values are in the pod. */
function readable(result: Injection): unknown {
  if (result.kind !== "injected") return result;
  return { ...result, patch: result.patch.map(({ op, path }) => `${op} ${path}`) };
}
