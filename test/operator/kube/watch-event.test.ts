import assert from "node:assert/strict";
import fc from "fast-check";
import { KubeError } from "../../../operator/kube/error.ts";
import { parseWatchEvent } from "../../../operator/kube/watch-event.ts";

const object = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", uid: "u", resourceVersion: "7" } };

describe("an event of a watch", () => {
  it("is a change, a deletion, a bookmark or an error", () => {
    const parse = (event: object) => parseWatchEvent(JSON.stringify(event), "pods");
    assert.deepEqual(parse({ type: "ADDED", object }), { kind: "changed", object });
    assert.deepEqual(parse({ type: "MODIFIED", object }), { kind: "changed", object });
    assert.deepEqual(parse({ type: "DELETED", object }), { kind: "deleted", object });
    assert.deepEqual(parse({ type: "BOOKMARK", object }), { kind: "bookmark", version: "7" });
    const status = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
    const event = parse({ type: "ERROR", object: status });
    assert.ok(event.kind === "error");
    assert.deepEqual([event.error.code, event.error.status], ["gone", 410]);
    assert.equal(event.error.message, "watch of pods: 410 Expired too old resource version");
  });

  it("says with an error how long to wait", () => {
    const status = { code: 429, details: { retryAfterSeconds: 3 } };
    const event = parseWatchEvent(JSON.stringify({ type: "ERROR", object: status }), "pods");
    assert.ok(event.kind === "error");
    assert.equal(event.error.retryAfterMs, 3_000);
  });

  it("is malformed or understood, whatever the line is", () => {
    const type = fc.constantFrom("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "OTHER", 1, null);
    const event = fc.record({ type, object: fc.oneof(fc.jsonValue(), fc.constant(object)) }, { requiredKeys: [] });
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      event.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(line, (text) => {
        try {
          parseWatchEvent(text, "pods");
        } catch (error) {
          assert.ok(error instanceof KubeError && error.code === "malformed");
        }
      }),
    );
  });
});
