import assert from "node:assert/strict";
import { apply, mergePatch, read, remove } from "../../../operator/kube/apply.ts";
import type { KubeRequest } from "../../../operator/kube/transport.ts";
import { FakeStore } from "../../fake-api/store.ts";
import { storeTransport } from "../../fake-api/transport.ts";

const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "bank", name: "trust" };

function configMap(data: Record<string, string>) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "bank", name: "trust" }, data };
}

function setUp() {
  const store = new FakeStore();
  const requests: KubeRequest[] = [];
  const transport = storeTransport(store, { before: (request) => void requests.push(request) });
  return { store, transport, requests };
}

describe("apply", () => {
  it("asks by PATCH with its field manager, never forces by itself, and has unknown fields refused", async () => {
    const { transport, requests } = setUp();
    await apply(transport, configMap({ a: "1" }), { fieldManager: "picket-operator" });
    assert.equal(requests[0]!.method, "PATCH");
    assert.equal(requests[0]!.contentType, "application/apply-patch+yaml");
    assert.deepEqual(requests[0]!.query, {
      fieldManager: "picket-operator",
      force: "false",
      fieldValidation: "Strict",
    });
  });

  it("writes the status to its own path", async () => {
    const { transport, requests } = setUp();
    const policy = { apiVersion: "picket.dev/v1alpha1", kind: "ApiPolicy", metadata: { namespace: "bank", name: "a" } };
    await apply(transport, { ...policy, spec: {} }, { fieldManager: "user" });
    await apply(
      transport,
      { ...policy, status: { phase: "x" } },
      { fieldManager: "picket-status", subresource: "status" },
    );
    assert.equal(requests[1]!.path, "/apis/picket.dev/v1alpha1/namespaces/bank/apipolicies/a/status");
    assert.deepEqual((await read(transport, { ...policy, ...policy.metadata }))?.status, { phase: "x" });
  });

  it("changes nothing when it runs twice", async () => {
    const { transport } = setUp();
    const first = await apply(transport, configMap({ a: "1" }), { fieldManager: "picket-operator" });
    const second = await apply(transport, configMap({ a: "1" }), { fieldManager: "picket-operator" });
    assert.equal(first.metadata.resourceVersion, second.metadata.resourceVersion);
  });

  it("refuses with a conflict what somebody else owns, unless told to force", async () => {
    const { transport } = setUp();
    await apply(transport, configMap({ a: "1" }), { fieldManager: "other" });
    await assert.rejects(apply(transport, configMap({ a: "2" }), { fieldManager: "picket-operator" }), {
      code: "conflict",
    });
    const taken = await apply(transport, configMap({ a: "2" }), { fieldManager: "picket-operator", force: true });
    assert.deepEqual(taken.data, { a: "2" });
  });

  it("removes what is there, and says when nothing was", async () => {
    const { transport } = setUp();
    const { metadata } = await apply(transport, configMap({}), { fieldManager: "picket-operator" });
    await assert.rejects(remove(transport, { ...ref, uid: "of another one" }), { code: "conflict" });
    assert.equal(await remove(transport, { ...ref, uid: metadata.uid }), true);
    assert.equal(await remove(transport, ref), false);
    assert.equal(await read(transport, ref), undefined);
  });

  it("patches by RFC 7386", async () => {
    const { transport } = setUp();
    await apply(transport, configMap({ a: "1", b: "1" }), { fieldManager: "user" });
    const patched = await mergePatch(
      transport,
      ref,
      { data: { a: null, c: "1" } },
      { fieldManager: "picket-operator" },
    );
    assert.deepEqual(patched.data, { b: "1", c: "1" });
  });

  it("tells of an answer that is no object", async () => {
    const transport = { request: async () => ({}), watch: async () => {}, close: () => {} };
    await assert.rejects(read(transport, ref), { code: "malformed" });
  });
});
