import assert from "node:assert/strict";
import { createResourceLabel } from "../../../operator/kube/request-name.ts";

describe("the resource of a path", () => {
  for (const [path, label] of [
    ["/api/v1/pods", "pods"],
    ["/api/v1/namespaces", "namespaces"],
    ["/api/v1/namespaces/bank", "namespaces"],
    ["/api/v1/namespaces/bank/status", "namespaces/status"],
    ["/api/v1/namespaces/bank/pods/a", "pods"],
    ["/api/v1/namespaces/bank/pods/a/log", "pods/log"],
    ["/apis/picket.dev/v1alpha1/apipolicies", "apipolicies"],
    ["/apis/picket.dev/v1alpha1/namespaces/bank/apipolicies/accounts/status", "apipolicies/status"],
    ["/apis/authentication.k8s.io/v1/tokenreviews", "tokenreviews"],
    ["/version", "none"],
  ] as const) {
    it(`of ${path} is ${label}`, () => assert.equal(createResourceLabel()(path), label));
  }

  it("is bounded", () => {
    const label = createResourceLabel();
    const labels = new Set(Array.from({ length: 1_000 }, (_, i) => label(`/api/v1/r${i}`)));
    assert.equal(labels.size, 101);
  });
});
