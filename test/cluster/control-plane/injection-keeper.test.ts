import assert from "node:assert/strict";
import { createKubeMetrics } from "../../../operator/kube/metrics.ts";
import { createTransport, type KubeTransport } from "../../../operator/kube/transport.ts";
import { PolicyKeeper } from "../../../operator/inject/policy-keeper.ts";
import { injectionPolicies } from "../../../operator/inject/policy.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { Registry } from "../../../platform/metrics.ts";
import { settings } from "../../golden/inject/cases.ts";
import { fastTime } from "../../operator/kube/fast-time.ts";
import { clusterStartMs, poll, startCluster, type Cluster } from "../cluster.ts";
import { renderedRules } from "../rendered-rules.ts";

const group = "/apis/admissionregistration.k8s.io/v1";
const roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
const name = `picket-keeper-${process.pid}`;
const pathOf = ({ kind, metadata }: { kind: string; metadata: { name: string } }): string =>
  `${group}/${kind.toLowerCase().replace(/y$/, "ie")}s/${metadata.name}`;

describe("PolicyKeeper", () => {
  const objects = injectionPolicies(settings);
  let cluster: Cluster;
  let kubeconfig = "";
  let namespace = "";
  let stopping: AbortController;
  let transport: KubeTransport;
  let lines: string[] = [];

  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
    namespace = await cluster.namespace("keeper");
    kubeconfig = await cluster.kubeconfigFor({ namespace, name: "default" });
  });
  after(async () => {
    for (const path of [`${roles}/${name}`, `${bindings}/${name}`]) await cluster?.call("DELETE", path);
    await cluster?.removeNamespace(namespace);
    await cluster?.stop();
  });

  /** The rights that the chart gives in this mode, for the account of the test. */
  async function grant(mode: "webhook" | "policy"): Promise<void> {
    // Under another name, since a chart may be installed in this cluster.
    const text = JSON.stringify(await renderedRules(cluster, mode)).replaceAll('"picket-operator"', `"${name}"`);
    const rules = JSON.parse(text) as readonly object[];
    const role = { metadata: { name }, rules };
    await cluster.call("DELETE", `${roles}/${name}`);
    assert.equal((await cluster.call("POST", roles, { body: role })).status, 201);
    const binding = {
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name: "default", namespace }],
    };
    await cluster.call("DELETE", `${bindings}/${name}`);
    assert.equal((await cluster.call("POST", bindings, { body: binding })).status, 201);
  }

  async function start(isWanted: boolean, isLeader = true): Promise<PolicyKeeper> {
    stopping = new AbortController();
    lines = [];
    const log = createLog({ level: "warn", format: "text", clock: systemClock, write: (line) => lines.push(line) });
    transport = await createTransport({ kubeconfig, log, clock: systemClock });
    const metrics = createKubeMetrics(new Registry());
    const time = fastTime(20);
    const keeper = new PolicyKeeper({
      transport,
      settings,
      isWanted,
      metrics,
      log,
      clusterRole: name,
      isLeader: () => isLeader,
      clock: time,
      timers: time,
    });
    keeper.start(stopping.signal);
    return keeper;
  }

  async function stop(keeper: PolicyKeeper): Promise<void> {
    stopping.abort();
    await keeper.stopped;
    transport.close();
  }

  const standing = async (): Promise<readonly boolean[]> =>
    Promise.all(objects.map(async (object) => (await cluster.call("GET", pathOf(object))).status === 200));
  const until = (what: string, probe: () => Promise<boolean>): Promise<true> =>
    poll(async () => (await probe()) && true, { timeoutMs: 30_000, what: `${what} ${lines.join("")}` });

  it("writes them with the rights of the chart, puts edits right, and lets them go with the chart", async () => {
    await grant("policy");
    const keeper = await start(true);
    try {
      await until("all of them", async () => (await standing()).every(Boolean));
      const [policy] = objects;
      const edit = { body: { spec: { failurePolicy: "Ignore" } }, contentType: "application/merge-patch+json" };
      assert.equal((await cluster.call("PATCH", pathOf(policy!), edit)).status, 200);
      await until("the edit put right", async () => {
        const { body } = await cluster.call("GET", pathOf(policy!));
        return (body as { spec: { failurePolicy: string } }).spec.failurePolicy === "Fail";
      });
      await cluster.call("DELETE", pathOf(objects[1]!));
      await until("the deleted one written again", async () => (await standing()).every(Boolean));
      assert.deepEqual(lines, []);
    } finally {
      await stop(keeper);
    }
    await cluster.call("DELETE", `${roles}/${name}`);
    await until("all of them gone with the role", async () => !(await standing()).some(Boolean));
  });

  it("removes them where they are not wanted any more", async () => {
    for (const object of objects) {
      const made = await cluster.call("POST", pathOf(object).replace(/\/[^/]+$/, ""), { body: object });
      assert.equal(made.status, 201, JSON.stringify(made.body));
    }
    await grant("webhook");
    const keeper = await start(false);
    await until("all of them gone", async () => !(await standing()).some(Boolean));
    await stop(keeper);
    assert.deepEqual(lines, []);
  });

  it("writes nothing while another replica leads", async () => {
    await grant("policy");
    const keeper = await start(true, false);
    await stop(keeper);
    assert.ok(!(await standing()).some(Boolean));
  });
});
