import assert from "node:assert/strict";
import { startCluster, clusterStartMs, poll, CommandError, type Cluster } from "../cluster.ts";

interface Reviewed {
  readonly status: {
    readonly authenticated?: boolean;
    readonly error?: string;
    readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
  };
}

describe("the control plane of the tests", () => {
  let cluster: Cluster;
  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
  });
  after(async () => cluster.stop());

  it("is Kubernetes 1.36 and ready", async () => {
    assert.equal((await cluster.call("GET", "/readyz")).status, 200);
    const { body } = await cluster.call("GET", "/version");
    assert.match((body as { readonly gitVersion: string }).gitVersion, /^v1\.36\./);
  });

  it("serves policies that mutate at admission", async () => {
    const { status } = await cluster.call("GET", "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies");
    assert.equal(status, 200);
  });

  it("says in a token review to which pod the token is bound, until the pod is gone", async () => {
    const namespace = await cluster.namespace("tokens");
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const spec = { containers: [{ name: "main", image: "picket.test/none:1" }] };
    const made = await cluster.call("POST", pods, { body: { metadata: { name: "one" }, spec } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { uid } = (made.body as { readonly metadata: { readonly uid: string } }).metadata;
    const audiences = ["picket-xds"];
    const account = { namespace, name: "default" };
    const token = await cluster.token(account, { audiences, pod: { name: "one", uid } });

    const review = async (wanted: readonly string[]): Promise<Reviewed["status"]> => {
      const body = { spec: { token, audiences: wanted } };
      const answer = await cluster.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", { body });
      return (answer.body as Reviewed).status;
    };
    const accepted = await review(audiences);
    assert.equal(accepted.authenticated, true, accepted.error);
    assert.equal(accepted.user?.username, `system:serviceaccount:${namespace}:default`);
    assert.deepEqual(accepted.user?.extra?.["authentication.kubernetes.io/pod-name"], ["one"]);
    assert.deepEqual(accepted.user?.extra?.["authentication.kubernetes.io/pod-uid"], [uid]);
    assert.notEqual((await review(["another"])).authenticated, true);

    await cluster.call("DELETE", `${pods}/one?gracePeriodSeconds=0`);
    // The API server itself remembers a good answer for ten seconds.
    const gone = async (): Promise<boolean> => (await review(audiences)).authenticated !== true;
    await poll(gone, { timeoutMs: 30_000, what: "the refusal of the token of a deleted pod" });
  });

  it("holds service accounts to their roles, and writes down what the product's own ask for", async () => {
    const made = await cluster.call("POST", "/api/v1/namespaces", { body: { metadata: { name: "picket-system" } } });
    assert.ok([201, 409].includes(made.status), JSON.stringify(made.body));
    const accounts = "/api/v1/namespaces/picket-system/serviceaccounts";
    await cluster.call("POST", accounts, { body: { metadata: { name: "rig" } } });
    const kubeconfig = await cluster.kubeconfigFor({ namespace: "picket-system", name: "rig" });
    await assert.rejects(
      cluster.kubectl(["--kubeconfig", kubeconfig, "get", "secrets"]),
      (error) => error instanceof CommandError && /cannot list resource "secrets"/.test(error.message),
    );
    const asked = cluster.auditEvents().map((event) => event as AuditEvent);
    const own = asked.filter(({ user }) => user.username === "system:serviceaccount:picket-system:rig");
    assert.ok(own.some(({ verb, objectRef }) => verb === "list" && objectRef?.resource === "secrets"));
    await cluster.call("DELETE", `${accounts}/rig`);
  });

  it("comes back when the API server is killed, with what it held", async () => {
    const namespace = await cluster.namespace("survives");
    await cluster.programs.stop("kube-apiserver", 0);
    await assert.rejects(cluster.call("GET", "/readyz"));
    cluster.programs.restart("kube-apiserver");
    await poll(async () => (await cluster.call("GET", "/readyz")).status === 200, {
      timeoutMs: 60_000,
      what: "/readyz",
    });
    assert.equal((await cluster.call("GET", `/api/v1/namespaces/${namespace}`)).status, 200);
    await cluster.removeNamespace(namespace);
    const gone = async (): Promise<boolean> =>
      (await cluster.call("GET", `/api/v1/namespaces/${namespace}`)).status === 404;
    await poll(gone, { timeoutMs: 60_000, what: "the end of the namespace" });
  });
});

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string };
}
