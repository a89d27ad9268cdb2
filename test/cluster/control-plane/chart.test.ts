import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { clusterStartMs, CommandError, poll, startCluster, type Cluster } from "../cluster.ts";

const root = join(import.meta.dirname, "../../..");
const chart = join(root, "charts/picket");
const webhookPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/picket";

const policy = {
  apiVersion: "picket.dev/v1alpha1",
  kind: "ApiPolicy",
  metadata: { name: "kept" },
  spec: {
    targetRefs: [{ group: "apps", kind: "Deployment", name: "app" }],
    access: { default: "Deny", rules: [{ name: "a", match: [{ methods: ["GET"], path: "/a" }], effect: "Allow" }] },
  },
};

/** What a stolen token of the operator must not be good for. */
const forbidden = [
  ["list", "secrets"],
  ["get", "secrets", "--namespace=default"],
  ["list", "secrets", "--namespace=OWN"],
  ["get", "secrets/other", "--namespace=OWN"],
  ["create", "pods"],
  ["create", "pods", "--subresource=exec"],
  ["delete", "pods"],
  ["patch", "deployments.apps"],
  ["create", "serviceaccounts", "--subresource=token"],
  ["impersonate", "users"],
  ["escalate", "clusterroles.rbac.authorization.k8s.io"],
  ["bind", "clusterroles.rbac.authorization.k8s.io"],
  ["create", "clusterrolebindings.rbac.authorization.k8s.io"],
  ["patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io/other"],
  ["create", "mutatingwebhookconfigurations.admissionregistration.k8s.io"],
  ["patch", "apipolicies.picket.dev", "--namespace=default"],
  ["delete", "apipolicies.picket.dev", "--namespace=default"],
  ["update", "configmaps/other", "--namespace=default"],
  ["create", "configmaps", "--namespace=default"],
  ["list", "configmaps", "--namespace=default"],
  ["list", "nodes"],
  ["create", "certificatesigningrequests.certificates.k8s.io"],
] as const;

const allowed = [
  ["list", "pods"],
  ["watch", "apipolicies.picket.dev"],
  ["patch", "apipolicies.picket.dev", "--subresource=status"],
  ["create", "tokenreviews.authentication.k8s.io"],
  ["patch", "configmaps/picket-trust", "--namespace=default"],
  ["watch", "secrets/picket-ca", "--namespace=OWN"],
  ["patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io/picket"],
] as const;

describe("the chart on a real API server", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let own: string;
  let apps: string;

  const helm = (verb: string, ...rest: readonly string[]): Promise<string> =>
    cluster.helm([verb, "picket", ...(verb === "uninstall" ? [] : [chart]), "--namespace", own, ...rest]);

  const pod = (name: string): { body: unknown } => ({
    body: { metadata: { name }, spec: { containers: [{ name: "main", image: "picket.test/none:1" }] } },
  });

  const canOperator = async ([verb, resource, ...flags]: readonly string[]): Promise<boolean> => {
    const account = `--as=system:serviceaccount:${own}:picket-operator`;
    const rest = flags.map((flag) => flag.replace("OWN", own));
    try {
      return (await cluster.kubectl(["auth", "can-i", verb!, resource!, ...rest, account])).startsWith("yes");
    } catch (error) {
      if (error instanceof CommandError) return false;
      throw error;
    }
  };

  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
    own = await cluster.namespace("picket", { labels: { "pod-security.kubernetes.io/enforce": "restricted" } });
    apps = await cluster.namespace("apps", { labels: { "picket.dev/inject": "enabled" } });
  });
  after(async () => {
    await cluster.removeNamespace(apps);
    await cluster.removeNamespace(own);
    await cluster.stop();
  });

  it("installs with one command and says the state and what comes next", async () => {
    // A shared cluster may have the kinds already.
    await helm("install", "--take-ownership");
    const notes = await cluster.helm(["get", "notes", "picket", "--namespace", own]);
    assert.match(notes, /is installed in the namespace picket-/);
    assert.match(notes, /mode +Observe: a workload without a policy is watched and never refused/);
    assert.match(notes, /What is missing:\n\n {2}- failurePolicy Ignore: /);
    const next = notes.slice(notes.indexOf("Next:")).trim().split("\n");
    assert.deepEqual(
      next.slice(2).map((line) => line.trim().split(" ")[0]),
      ["picket", "kubectl", "kubectl"],
    );
  });

  it("has its pods taken in a namespace that is restricted", async () => {
    const made = async (): Promise<boolean> => {
      const { body } = await cluster.call("GET", `/api/v1/namespaces/${own}/pods`);
      return (body as { readonly items: readonly unknown[] }).items.length === 4;
    };
    await poll(made, { timeoutMs: 30_000, what: "two operators and two scorers" });
  });

  it("serves the kinds, and refuses in them what the schema refuses", async () => {
    const path = `/apis/picket.dev/v1alpha1/namespaces/${apps}/apipolicies`;
    const made = async (): Promise<boolean> => (await cluster.call("POST", path, { body: policy })).status === 201;
    await poll(made, { timeoutMs: 10_000, what: "a policy" });
    const bad = { ...policy, metadata: { name: "bad" }, spec: { ...policy.spec, mode: "Enforced" } };
    assert.equal((await cluster.call("POST", path, { body: bad })).status, 422);
  });

  for (const question of forbidden) {
    it(`gives the operator no right to ${question.join(" ")}`, async () => {
      assert.equal(await canOperator(question), false);
    });
  }

  for (const question of allowed) {
    it(`gives the operator the right to ${question.join(" ")}`, async () => {
      assert.equal(await canOperator(question), true);
    });
  }

  it("lets pods start while no operator answers, as failurePolicy Ignore says", async () => {
    const { status } = await cluster.call("POST", `/api/v1/namespaces/${apps}/pods`, pod("unprotected"));
    assert.equal(status, 201);
  });

  it("leaves the authority in the webhook to the operator, also when it is upgraded", async () => {
    const caBundle = Buffer.from(cluster.caPem).toString("base64");
    const webhooks = ["namespace.inject.picket.dev", "pod.inject.picket.dev"].map((name) => ({
      name,
      clientConfig: { caBundle },
    }));
    const patch = { apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration", webhooks };
    const file = join(cluster.folder, "ca-bundle.json");
    writeFileSync(file, JSON.stringify({ ...patch, metadata: { name: "picket" } }));
    await cluster.kubectl(["apply", "--server-side", "--field-manager=picket-operator", "--filename", file]);
    await helm("upgrade", "--set", "injection.failurePolicy=Fail", "--set", "scorer.replicas=3");
    const { body } = await cluster.call("GET", webhookPath);
    const found = body as {
      readonly webhooks: readonly { failurePolicy: string; clientConfig: { caBundle: string; service: object } }[];
    };
    assert.equal(found.webhooks.length, 2);
    for (const webhook of found.webhooks) {
      assert.equal(webhook.failurePolicy, "Fail");
      assert.equal(webhook.clientConfig.caBundle, caBundle);
      assert.ok("service" in webhook.clientConfig);
    }
    const deployment = await cluster.call("GET", `/apis/apps/v1/namespaces/${own}/deployments/picket-scorer`);
    assert.equal((deployment.body as { readonly spec: { readonly replicas: number } }).spec.replicas, 3);
  });

  it("refuses pods that cannot be protected once failurePolicy is Fail, and no others", async () => {
    const elsewhere = await cluster.namespace("plain");
    const refused = async (): Promise<boolean> => {
      const { status } = await cluster.call("POST", `/api/v1/namespaces/${apps}/pods?dryRun=All`, pod("refused"));
      return status === 500;
    };
    await poll(refused, { timeoutMs: 15_000, what: "the webhook to be asked" });
    for (const namespace of [elsewhere, "kube-system"]) {
      const { status } = await cluster.call("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod("free"));
      assert.equal(status, 201, namespace);
    }
    const says = { "picket.dev/inject": "false" };
    const body = { metadata: { name: "says-no", labels: says }, spec: (pod("x").body as { spec: object }).spec };
    const { status } = await cluster.call("POST", `/api/v1/namespaces/${apps}/pods?dryRun=All`, { body });
    assert.equal(status, 201);
    await cluster.removeNamespace(elsewhere);
  });

  it("can go back to the release before", async () => {
    await cluster.helm(["rollback", "picket", "1", "--namespace", own]);
    const { body } = await cluster.call("GET", webhookPath);
    assert.match(JSON.stringify(body), /"failurePolicy":"Ignore"/);
    assert.match(JSON.stringify(body), /"caBundle":"LS0t/);
  });

  for (const file of [
    "values-ha.yaml",
    "ci/placement.yaml",
    "ci/network-policy-narrow.yaml",
    "ci/injection-policy.yaml",
  ]) {
    it(`is taken with ${file}, field by field`, async () => {
      const values = ["--values", join(chart, file), "--set", "crds.enabled=false", "--no-hooks"];
      const where = ["--namespace", own, "--kube-version", "1.36.0"];
      const rendered = await cluster.helm(["template", "picket", chart, ...where, ...values]);
      assert.ok(parseAllDocuments(rendered).length > 10);
      const target = join(cluster.folder, "rendered.yaml");
      writeFileSync(target, rendered);
      const strictly = ["--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts"];
      await cluster.kubectl(["apply", ...strictly, "--filename", target]);
    });
  }

  it("is uninstalled: the webhook goes, kinds and policies stay, pods can be made", async () => {
    await helm("uninstall");
    assert.equal((await cluster.call("GET", webhookPath)).status, 404);
    assert.equal(
      (await cluster.call("GET", `/apis/apps/v1/namespaces/${own}/deployments/picket-operator`)).status,
      404,
    );
    const kept = await cluster.call("GET", `/apis/picket.dev/v1alpha1/namespaces/${apps}/apipolicies/kept`);
    assert.equal(kept.status, 200);
    assert.equal((await cluster.call("POST", `/api/v1/namespaces/${apps}/pods?dryRun=All`, pod("after"))).status, 201);
    const roles = await cluster.kubectl(["get", "clusterroles,clusterrolebindings", "--output=name"]);
    assert.doesNotMatch(roles, /picket/);
  });

  it("is installed again over the kinds that were kept", async () => {
    await helm("install");
    const kept = await cluster.call("GET", `/apis/picket.dev/v1alpha1/namespaces/${apps}/apipolicies/kept`);
    assert.equal(kept.status, 200);
    await helm("uninstall");
  });
});
