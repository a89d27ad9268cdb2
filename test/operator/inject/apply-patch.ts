import assert from "node:assert/strict";
import type { JsonPatchOp } from "../../../operator/inject/json-patch.ts";

/** Applies a JSON patch to a copy, strictly: what is replaced or removed must be there, and so must its parent. */
export function applyPatch(value: unknown, patch: readonly JsonPatchOp[]): unknown {
  const result = structuredClone(value);
  for (const one of patch) {
    const names = one.path
      .split("/")
      .slice(1)
      .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = names.pop();
    assert.ok(last !== undefined);
    let place = result as Record<string, unknown>;
    for (const name of names) {
      assert.ok(Object.hasOwn(place, name), `${one.path}: no ${name}`);
      place = place[name] as Record<string, unknown>;
    }
    assert.equal(Object.hasOwn(place, last), one.op !== "add", `${one.op} ${one.path}`);
    if (one.op === "remove") delete place[last];
    else place[last] = structuredClone(one.value);
  }
  return result;
}
