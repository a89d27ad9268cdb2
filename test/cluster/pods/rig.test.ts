import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { cgroupExists } from "../rig/cgroups.ts";
import { poll, startCluster, testImages, type Cluster } from "../cluster.ts";

const readyTimeoutMs = 60_000;
const application = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "accounts" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "accounts" } },
    template: {
      metadata: { labels: { app: "accounts" } },
      spec: {
        terminationGracePeriodSeconds: 10,
        containers: [
          {
            name: "accounts",
            image: testImages.application,
            ports: [{ containerPort: 8080 }],
            readinessProbe: { httpGet: { path: "/healthz", port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
};
const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "accounts" },
  spec: { selector: { app: "accounts" }, ports: [{ port: 80, targetPort: 8080 }] },
};
const caller = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "caller" },
  spec: { containers: [{ name: "tools", image: testImages.tools, args: ["-c", "sleep 100000"] }] },
};

describe("the node of the tests", () => {
  let cluster: Cluster;
  let namespace: string;
  const kubectl = async (...args: string[]): Promise<string> => cluster.kubectl(["--namespace", namespace, ...args]);

  before(async function () {
    this.timeout(2 * readyTimeoutMs);
    cluster = await startCluster({ node: true });
    namespace = await cluster.namespace("rig");
    await cluster.apply([application, service, caller], namespace);
    await kubectl("wait", "--for=condition=Available", "deployment/accounts", "--timeout=50s");
    await kubectl("wait", "--for=condition=Ready", "pod/caller", "--timeout=50s");
  });
  after(async () => cluster.removeNamespace(namespace));

  it("runs pods that this process reaches by address and by Service", async () => {
    const list = await kubectl("get", "pods", "--selector=app=accounts", "--output=jsonpath={.items[*].status.podIP}");
    const addresses = list.split(" ");
    assert.equal(addresses.length, 2);
    for (const address of addresses) {
      const answer = await fetch(`http://${address}:8080/v1/accounts/1`);
      assert.deepEqual(await answer.json(), { account: "1", balance: "100.00", currency: "EUR" });
    }
    const clusterIp = await kubectl("get", "service", "accounts", "--output=jsonpath={.spec.clusterIP}");
    // The rules of kube-proxy come a moment after the pods are ready.
    const what = "an answer of the Service";
    await poll(async () => (await fetch(`http://${clusterIp}/`)).ok, { timeoutMs: readyTimeoutMs, what });
  });

  it("lets one pod call another by the name of its Service", async () => {
    const url = `http://accounts.${namespace}.svc/echo?from=caller`;
    const answer = await kubectl("exec", "caller", "--", "curl", "--silent", "--show-error", "--fail", url);
    const seen = JSON.parse(answer) as { readonly path: string; readonly pod: string };
    assert.equal(seen.path, "/echo?from=caller");
    assert.match(seen.pod, /^accounts-/);
    const logs = await kubectl("logs", "--selector=app=accounts", "--tail=-1");
    assert.match(logs, /"path":"\/echo\?from=caller"/);
  });

  it("gives pods a token that the API server takes", async () => {
    const token = "$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)";
    const call = `curl --silent --cacert /var/run/secrets/kubernetes.io/serviceaccount/ca.crt \
      --header "authorization: Bearer ${token}" https://kubernetes.default.svc/api/v1/namespaces`;
    const answer = JSON.parse(await kubectl("exec", "caller", "--", "sh", "-c", call)) as { readonly message: string };
    assert.ok(answer.message.includes(`User "system:serviceaccount:${namespace}:default" cannot list`), answer.message);
  });

  it("has no way out", async () => {
    const call = kubectl("exec", "caller", "--", "curl", "--silent", "--max-time", "2", "http://192.0.2.1/");
    await assert.rejects(call, /exit code (?:7|28)/);
  });

  it("keeps its containers in a cgroup of this run", () => {
    assert.ok(cgroupExists(join(basename(cluster.folder), "kubepods")));
  });
});
