import assert from "node:assert/strict";
import { listPath, objectPath, pluralOf } from "../../../operator/kube/resource-path.ts";

describe("the path of an object", () => {
  for (const [kind, plural] of [
    ["ApiPolicy", "apipolicies"],
    ["ClusterApiIdentity", "clusterapiidentities"],
    ["ApiService", "apiservices"],
    ["PicketConfig", "picketconfigs"],
    ["Gateway", "gateways"],
    ["NetworkPolicy", "networkpolicies"],
    ["EndpointSlice", "endpointslices"],
    ["Endpoints", "endpoints"],
    ["Ingress", "ingresses"],
    ["MutatingAdmissionPolicy", "mutatingadmissionpolicies"],
    ["MutatingWebhookConfiguration", "mutatingwebhookconfigurations"],
    ["TokenReview", "tokenreviews"],
  ] as const) {
    it(`has ${plural} for ${kind}`, () => assert.equal(pluralOf(kind), plural));
  }

  it("differs for the core group and for objects of the cluster", () => {
    assert.equal(
      objectPath({ apiVersion: "v1", kind: "Secret", namespace: "bank", name: "keys" }),
      "/api/v1/namespaces/bank/secrets/keys",
    );
    assert.equal(objectPath({ apiVersion: "v1", kind: "Namespace", name: "bank" }), "/api/v1/namespaces/bank");
    assert.equal(
      listPath({ apiVersion: "picket.dev/v1alpha1", kind: "ApiPolicy" }),
      "/apis/picket.dev/v1alpha1/apipolicies",
    );
  });

  it("keeps a name in its segment", () => {
    assert.equal(
      objectPath({ apiVersion: "v1", kind: "Pod", namespace: "a/b", name: "../c?d" }),
      "/api/v1/namespaces/a%2Fb/pods/..%2Fc%3Fd",
    );
  });
});
