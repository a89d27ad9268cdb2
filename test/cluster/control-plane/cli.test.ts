import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { picket, type Answer } from "../../cli/captured-shell.ts";
import { clusterStartMs, poll, startCluster, type Cluster } from "../cluster.ts";

const root = join(import.meta.dirname, "../../..");

interface Report {
  readonly healthy: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly fix?: string;
  }[];
}

describe("the command line against a real API server", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let namespace: string;
  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
    await cluster.kubectl(["apply", "--server-side", "--force-conflicts", "-f", join(root, "crds")]);
    namespace = await cluster.namespace("cli", { labels: { "picket.dev/inject": "enabled" } });
    await cluster.kubectl(["apply", "-f", "-"], { stdin: objects(namespace) });
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await poll(async () => JSON.stringify((await cluster.call("GET", pods)).body).includes("accounts-"), {
      timeoutMs: 30_000,
      what: "the pod of the Deployment",
    });
  });
  after(() => (cluster as Cluster | undefined)?.stop());

  const run = (...args: readonly string[]): Promise<Answer> => picket([...args, "--kubeconfig", cluster.kubeconfig]);
  const report = async (...args: readonly string[]): Promise<Report> =>
    JSON.parse((await run("check", ...args, "-o", "json")).stdout) as Report;
  const find = ({ checks }: Report, name: string) => checks.find((check) => check.name === name);

  it("check --pre finds that Picket can be installed by an administrator, and by nobody less", async () => {
    const before = await report("--pre");
    assert.equal(find(before, "rights")?.status, "ok");
    assert.match(find(before, "version")?.message ?? "", /^v1\.36\..*: injection by webhook or by policy$/);
    const kubeconfig = await cluster.kubeconfigFor({ namespace, name: "default" });
    const { code, stdout } = await picket(["check", "--pre", "--kubeconfig", kubeconfig]);
    assert.equal(code, 1);
    assert.match(stdout, /^fail rights: your user may not create namespaces, customresourcedefinitions/m);
    assert.match(stdout, /^warn nodes: your user may not GET \/api\/v1\/nodes/m);
  });

  it("check tells what of an install is missing", async () => {
    const found = await report("-n", namespace);
    assert.equal(found.healthy, false);
    assert.equal(find(found, "kinds")?.status, "ok");
    assert.equal(find(found, "picket-operator")?.status, "fail");
    assert.equal(find(found, "leader")?.status, "fail");
    assert.equal(find(found, "trust")?.status, "fail");
  });

  it("check --proxy finds a pod that nobody injected, and its fix works", async () => {
    const found = await report("--proxy", "-n", namespace);
    const check = find(found, `deployment ${namespace}/accounts`);
    assert.equal(check?.message, "1 pod without a proxy: started when nothing injected it");
    const [program = "", ...words] = (check?.fix ?? "").split(" ");
    assert.equal(program, "kubectl");
    assert.match(await cluster.kubectl(words), /deployment\.apps\/accounts restarted/);
  });

  it("check --proxy finds a Service that leads around the proxy of a pod in Port mode, and its fix works", async () => {
    await cluster.kubectl(["apply", "-n", namespace, "-f", "-"], { stdin: portPod });
    const service = `service ${namespace}/ledger`;
    const check = find(await report("--proxy", "-n", namespace), service);
    assert.equal(check?.message, "leads to port 8080 of the application, around the proxy");
    const done = spawnSync("sh", ["-c", (check?.fix ?? "").replace(/^kubectl/, '"$KUBECTL"')], {
      encoding: "utf8",
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig, KUBECTL: join(cluster.folder, "bin/kubectl") },
    });
    assert.equal(done.status, 0, done.stderr);
    assert.equal(find(await report("--proxy", "-n", namespace), service), undefined);
  });

  it("status shows objects that no operator has looked at", async () => {
    const { code, stdout } = await run("status", "apol", "-n", namespace);
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`^ApiPolicy {2}${namespace}/accounts .*no operator has looked at it$`, "m"));
  });

  it("status shows what an operator wrote", async () => {
    const path = `/apis/picket.dev/v1alpha1/namespaces/${namespace}/apipolicies/accounts`;
    const condition = (type: string) => ({
      type,
      status: "True",
      reason: type,
      message: "",
      observedGeneration: 1,
      lastTransitionTime: "2026-01-05T09:00:00Z",
    });
    const status = { conditions: [condition("Accepted"), condition("Programmed")] };
    const { status: code } = await cluster.call("PATCH", `${path}/status`, {
      body: { status },
      contentType: "application/merge-patch+json",
    });
    assert.equal(code, 200);
    const shown = await run("status", "apol/accounts", "-n", namespace);
    assert.equal(shown.code, 0, shown.stdout);
    assert.match(shown.stdout, new RegExp(`^ApiPolicy {2}${namespace}/accounts {2}enforce {2}True {6}True`, "m"));
  });

  it("policy effective merges what the API server holds", async () => {
    const { code, stdout, stderr } = await run("policy", "effective", "--workload", `${namespace}/accounts`);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^${namespace}/accounts:8080: mode enforce\n`));
    assert.match(
      stdout,
      new RegExp(`^access\\.default +Deny +${namespace}/accounts +ApiPolicy ${namespace}/accounts$`, "m"),
    );
  });

  it("runs as a plugin of kubectl, with kubectl's options", async () => {
    const environment = { PATH: `${join(root, "bin")}:${process.env.PATH ?? ""}` };
    const names = await cluster.kubectl(["picket", "status", "-n", namespace, "apol", "-o", "name"], { environment });
    assert.equal(names, `ApiPolicy/${namespace}/accounts\n`);
    assert.match(await cluster.kubectl(["plugin", "list"], { environment }), /bin\/kubectl-picket$/m);
  });
});

function objects(namespace: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: accounts, namespace: ${namespace} }
spec:
  selector: { matchLabels: { app: accounts } }
  template:
    metadata: { labels: { app: accounts } }
    spec: { containers: [{ name: app, image: "picket.test/none:1", ports: [{ containerPort: 8080 }] }] }
---
apiVersion: picket.dev/v1alpha1
kind: ApiPolicy
metadata: { name: accounts, namespace: ${namespace} }
spec:
  targetRefs: [{ group: apps, kind: Deployment, name: accounts }]
  mode: Enforce
  access:
    default: Deny
    rules: [{ name: health, match: [{ methods: [GET], path: /healthz }], effect: Allow }]
`;
}

/** A pod as injection leaves it in Port mode, and a Service that still knows the application's own port. */
const portPod = `apiVersion: v1
kind: Pod
metadata:
  name: ledger
  labels: { app: ledger, picket.dev/injected: "true" }
  annotations: { picket.dev/capture: Port }
spec:
  initContainers:
    - { name: picket-proxy, image: "picket.test/none:1", restartPolicy: Always, ports: [{ name: picket-8080, containerPort: 28080 }] }
  containers: [{ name: app, image: "picket.test/none:1", ports: [{ name: http, containerPort: 8080 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: ledger }
spec: { selector: { app: ledger }, ports: [{ port: 80, targetPort: http }] }
`;
