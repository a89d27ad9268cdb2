import assert from "node:assert/strict";
import { poll, type Cluster } from "../cluster.ts";
import { printTally, startLoad } from "./load.ts";
import {
  addressOfService,
  clusterWithPicket,
  install,
  installMs,
  installNamespace,
  podsOf,
  policy,
  statusOf,
  waitProgrammed,
  waitReady,
  workload,
} from "./product.ts";

const injected = { labels: { "picket.dev/inject": "enabled" } };
const paths = { allowed: "/v1/accounts/1", denied: "/admin" };
const soon = { timeoutMs: 60_000 };

describe("the chart", function () {
  this.timeout(300_000);
  let cluster: Cluster;
  let namespace: string;
  let service: string;

  before(async function () {
    this.timeout(installMs);
    cluster = await clusterWithPicket();
    namespace = await cluster.namespace("chart", injected);
    await cluster.apply([...workload({ replicas: 2 }), policy()], namespace);
    await waitReady(cluster, namespace, "deployment/accounts");
    await waitProgrammed(cluster, namespace, "accounts");
    service = await addressOfService(cluster, namespace, "accounts");
    await poll(async () => (await statusOf(`http://${service}${paths.allowed}`)) === 200, { ...soon, what: "200" });
  });
  after(async () => {
    await cluster.removeNamespace(namespace);
    // Whatever runs next finds Picket again.
    await install(cluster);
  });

  it("passes its own tests", async () => {
    await cluster.helm(["test", "picket", "--namespace", installNamespace, "--timeout", "3m"]);
  });

  it("is upgraded under load: no request fails and nothing denied gets through", async () => {
    const load = startLoad(service, paths);
    // Another revision of every program.
    await install(cluster, ["--set", "global.logLevel=debug"]);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await load.stop();
    assert.deepEqual([...load.allowed.statuses.keys()], [200], printTally(load.allowed));
    assert.deepEqual([...load.denied.statuses.keys()], [403], printTally(load.denied));
    assert.deepEqual([load.allowed.errors, load.denied.errors], [[], []]);
  });

  it("injects by a policy of the API server, without a server of ours on the way", async () => {
    await install(cluster, ["--set", "injection.mode=policy"]);
    const webhooks = await cluster.kubectl(["get", "mutatingwebhookconfigurations", "--output=name"]);
    assert.doesNotMatch(webhooks, /picket/);
    await poll(
      async () =>
        (await cluster.kubectl(["get", "mutatingadmissionpolicies", "--output=name"])).includes("picket-injection"),
      { ...soon, what: "the policy that injects" },
    );
    await poll(
      async () => {
        await cluster.kubectl(["delete", "pods", "--namespace", namespace, "--selector=app=accounts", "--wait=false"]);
        await waitReady(cluster, namespace, "deployment/accounts");
        const pods = await podsOf(cluster, namespace, "accounts");
        return pods.every(({ spec }) => spec.initContainers?.some(({ name }) => name === "picket-proxy"));
      },
      { ...soon, what: "pods that the policy injected" },
    );
    await waitProgrammed(cluster, namespace, "accounts");
    await poll(async () => (await statusOf(`http://${service}${paths.denied}`)) === 403, { ...soon, what: "403" });
    assert.equal(await statusOf(`http://${service}${paths.allowed}`), 200);
    await install(cluster, ["--set", "injection.mode=webhook"]);
  });

  it("is uninstalled: pods start again without a sidecar, what runs keeps refusing, policies stay", async () => {
    await cluster.helm(["uninstall", "picket", "--namespace", installNamespace, "--wait"]);
    assert.match(
      await cluster.kubectl(["get", "apol", "accounts", "--namespace", namespace, "--output=name"]),
      /accounts/,
    );
    // Whoever still has a sidecar is refused: nobody is there to be asked.
    const status = await statusOf(`http://${service}${paths.denied}`);
    assert.ok([403, 503].includes(status), String(status));
    await cluster.kubectl(["rollout", "restart", "deployment/accounts", "--namespace", namespace]);
    await waitReady(cluster, namespace, "deployment/accounts");
    await poll(async () => (await statusOf(`http://${service}${paths.allowed}`)) === 200, { ...soon, what: "200" });
    const pods = await podsOf(cluster, namespace, "accounts");
    for (const { spec } of pods) assert.equal(spec.initContainers, undefined);
  });
});
