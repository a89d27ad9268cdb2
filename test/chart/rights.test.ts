import assert from "node:assert/strict";
import { helmOrSkip, render, type KubeObject } from "./render.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const writes = ["create", "update", "patch", "delete", "deletecollection"];

/** What no part of Picket may do, whatever it is for. */
const forbiddenVerbs = ["*", "escalate", "bind", "impersonate", "deletecollection", "proxy", "approve", "sign"];
const forbiddenResources = [
  "*",
  "pods/exec",
  "pods/attach",
  "pods/portforward",
  "serviceaccounts/token",
  "nodes/proxy",
];

describe("rights that the chart gives", () => {
  const files = ["", "ci/injection-policy.yaml", "ci/injection-off.yaml", "ci/cert-manager.yaml"];
  let roles: readonly { readonly object: KubeObject; readonly rule: Rule }[];

  before(async function () {
    await helmOrSkip(this);
    roles = files
      .flatMap((file) => render(file === "" ? {} : { files: [file] }))
      .filter(({ kind }) => kind === "ClusterRole" || kind === "Role")
      .flatMap((object) => (object.rules as readonly Rule[]).map((rule) => ({ object, rule })));
    assert.ok(roles.length > 40);
  });

  it("have no wildcard and nothing that leads to more rights", () => {
    for (const { rule } of roles) {
      for (const verb of rule.verbs) assert.ok(!forbiddenVerbs.includes(verb), verb);
      for (const resource of rule.resources) assert.ok(!forbiddenResources.includes(resource), resource);
      assert.ok(!rule.apiGroups.includes("*"));
    }
  });

  it("show no Secret of the cluster, and in the own namespace those of Picket alone", () => {
    let looked = 0;
    for (const { object, rule } of roles) {
      if (!rule.resources.includes("secrets")) continue;
      looked++;
      assert.equal(object.kind, "Role");
      if (rule.resourceNames === undefined) assert.deepEqual(rule.verbs, ["create"]);
      else for (const name of rule.resourceNames) assert.match(name, /^picket-/);
    }
    assert.ok(looked > 0);
  });

  it("write in the whole cluster only status, events, reviews and objects of their name", () => {
    for (const { object, rule } of roles) {
      if (object.kind !== "ClusterRole" || !rule.verbs.some((verb) => writes.includes(verb))) continue;
      const isNamed = rule.resourceNames?.every((name) => name.startsWith("picket")) ?? false;
      const isStatus = rule.resources.every((resource) => resource.endsWith("/status"));
      const isCreation = rule.resources.every((resource) => ["tokenreviews", "events"].includes(resource));
      assert.ok(isNamed || isStatus || isCreation, JSON.stringify(rule));
    }
  });

  it("never write a workload, a pod or a policy of a user", () => {
    for (const { rule } of roles) {
      if (!rule.verbs.some((verb) => writes.includes(verb))) continue;
      for (const resource of rule.resources) {
        assert.doesNotMatch(resource, /^(?:pods|deployments|statefulsets|daemonsets|services|namespaces)/);
        assert.doesNotMatch(resource, /^(?:cluster)?api[a-z]+$/);
      }
    }
  });

  it("are bound to the operator alone; the scorer has none", () => {
    const bindings = render().filter(({ kind }) => kind.endsWith("RoleBinding"));
    assert.equal(bindings.length, 2);
    for (const { subjects } of bindings) {
      assert.deepEqual(subjects, [{ kind: "ServiceAccount", name: "picket-operator", namespace: "picket-system" }]);
    }
  });
});
