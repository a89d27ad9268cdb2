import assert from "node:assert/strict";
import { poll, type Cluster } from "../cluster.ts";
import {
  addressOfService,
  caller,
  clusterWithPicket,
  conditionOf,
  installMs,
  type PodView,
  podsOf,
  policy,
  statusFrom,
  statusOf,
  waitProgrammed,
  waitReady,
  workload,
} from "./product.ts";

const injected = { labels: { "picket.dev/inject": "enabled" } };
const soon = { timeoutMs: 20_000 };

describe("pods of a workload, injected and redirected", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let namespace: string;
  let service: string;
  const url = (path: string): string => `http://${service}${path}`;
  const becomes = (path: string, status: number): Promise<unknown> =>
    poll(async () => (await statusOf(url(path))) === status, { ...soon, what: `${status} for ${path}` });

  before(async function () {
    this.timeout(installMs);
    cluster = await clusterWithPicket();
    namespace = await cluster.namespace("enforce", injected);
    await cluster.apply([...workload({ replicas: 2 }), caller, policy()], namespace);
    await waitReady(cluster, namespace, "deployment/accounts", "pod/caller");
    await waitProgrammed(cluster, namespace, "accounts");
    service = await addressOfService(cluster, namespace, "accounts");
  });
  after(async () => cluster.removeNamespace(namespace));

  it("have a sidecar that started before them, and their probes are green", async () => {
    const pods = await podsOf(cluster, namespace, "accounts");
    assert.equal(pods.length, 2);
    for (const { spec, status } of pods) {
      assert.deepEqual(
        spec.initContainers?.map(({ name }) => name),
        ["picket-redirect", "picket-proxy"],
      );
      assert.ok(status.containerStatuses.every(({ ready, restartCount }) => ready && restartCount === 0));
    }
  });

  it("are judged, whoever calls and by whichever address", async () => {
    const [{ status }] = (await podsOf(cluster, namespace, "accounts")) as readonly [PodView];
    await becomes("/v1/accounts/1", 200);
    for (const host of [service, `${status.podIP}:8080`]) {
      assert.equal(await statusOf(`http://${host}/v1/accounts/1`), 200, host);
      assert.equal(await statusOf(`http://${host}/admin`), 403, host);
      assert.equal(await statusOf(`http://${host}/v1/accounts/1`, { method: "DELETE" }), 403, host);
    }
    assert.equal(await statusFrom(cluster, namespace, "http://accounts/v1/accounts/1"), 200);
    assert.equal(await statusFrom(cluster, namespace, "http://accounts/admin"), 403);
  });

  it("never saw what was refused", async () => {
    const log = await cluster.kubectl([
      "logs",
      "--namespace",
      namespace,
      "--selector=app=accounts",
      "--container=app",
      "--tail=-1",
    ]);
    assert.match(log, /"path":"\/v1\/accounts\/1"/);
    assert.doesNotMatch(log, /admin|DELETE/);
  });

  it("obey a changed rule within seconds, and say so", async () => {
    const access = {
      default: "Deny",
      rules: [{ name: "other", match: [{ methods: ["GET"], path: "/v2/**" }], effect: "Allow" }],
    };
    await cluster.apply([policy("accounts", { access })], namespace);
    await becomes("/v2/x", 200);
    await becomes("/v1/accounts/1", 403);
    await waitProgrammed(cluster, namespace, "accounts");
    await cluster.apply([policy()], namespace);
    await becomes("/v1/accounts/1", 200);
    await becomes("/v2/x", 403);
  });

  it("keep the last good policy when a changed one names what is not there, and say so", async () => {
    const lost = policy("accounts", { targetRefs: [{ group: "apps", kind: "Deployment", name: "acounts" }] });
    await cluster.apply([lost], namespace);
    await poll(
      async () => (await conditionOf(cluster, namespace, "accounts", "Accepted"))?.reason === "TargetNotFound",
      {
        ...soon,
        what: "TargetNotFound",
      },
    );
    const condition = await conditionOf(cluster, namespace, "accounts", "Accepted");
    assert.match(condition?.message ?? "", /there is no Deployment acounts in the namespace .*did you mean accounts\?/);
    assert.equal(await statusOf(url("/admin")), 403);
    await cluster.apply([policy()], namespace);
    await waitProgrammed(cluster, namespace, "accounts");
  });

  it("obey the older of two policies that contradict, and the younger is told", async () => {
    const younger = policy("younger", {
      targetRefs: [{ group: "apps", kind: "Deployment", name: "accounts" }],
      access: { default: "Allow", rules: [] },
    });
    await cluster.apply([younger], namespace);
    await poll(async () => (await conditionOf(cluster, namespace, "younger", "Accepted")) !== undefined, {
      ...soon,
      what: "a status of the younger policy",
    });
    assert.equal(await statusOf(url("/admin")), 403);
    await cluster.kubectl(["delete", "apol", "younger", "--namespace", namespace]);
  });

  it("obey a floor of the cluster that their own policy cannot loosen", async () => {
    const floor = {
      apiVersion: "picket.dev/v1alpha1",
      kind: "ClusterApiPolicy",
      metadata: { name: `floor-${namespace}` },
      spec: {
        strategy: "Floor",
        mode: "Enforce",
        namespaces: [namespace],
        access: { rules: [{ name: "closed", match: [{ path: "/v1/accounts/2" }], effect: "Deny" }] },
      },
    };
    await cluster.apply([floor]);
    await becomes("/v1/accounts/2", 403);
    await becomes("/v1/accounts/1", 200);
    await cluster.kubectl(["delete", "capol", floor.metadata.name]);
    await becomes("/v1/accounts/2", 200);
  });

  it("are only observed again when their policy is deleted", async () => {
    await cluster.kubectl(["delete", "apol", "accounts", "--namespace", namespace]);
    await becomes("/admin", 200);
    await cluster.apply([policy()], namespace);
    await becomes("/admin", 403);
    await waitProgrammed(cluster, namespace, "accounts");
  });

  it("close what they never declared, and the capturing port itself", async () => {
    const [{ status }] = (await podsOf(cluster, namespace, "accounts")) as readonly [PodView];
    for (const port of [9999, 15_006]) assert.equal(await statusOf(`http://${status.podIP}:${port}/`), 0, String(port));
  });
});
