import assert from "node:assert/strict";
import type { Cluster } from "../cluster.ts";
import {
  caller,
  clusterWithPicket,
  installMs,
  podsOf,
  policy,
  statusFrom,
  statusOf,
  waitProgrammed,
  waitReady,
  workload,
  type PodView,
} from "./product.ts";

const restricted = {
  labels: { "picket.dev/inject": "enabled", "pod-security.kubernetes.io/enforce": "restricted" },
  annotations: { "picket.dev/capture-mode": "Port" },
};

/** What the standard asks of every container. */
const modest = {
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 10_001,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  },
};

describe("pods in a namespace with PodSecurity restricted", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let namespace: string;

  before(async function () {
    this.timeout(installMs);
    cluster = await clusterWithPicket();
    namespace = await cluster.namespace("restricted", restricted);
    const [deployment] = workload({ container: modest });
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "accounts" },
      spec: { selector: { app: "accounts" }, ports: [{ port: 80, targetPort: "picket-8080" }] },
    };
    await cluster.apply([deployment, service, caller, policy()], namespace);
    await waitReady(cluster, namespace, "deployment/accounts", "pod/caller");
    await waitProgrammed(cluster, namespace, "accounts");
  });
  after(async () => cluster.removeNamespace(namespace));

  it("have a sidecar without a capability and no container that redirects", async () => {
    const [{ spec, metadata }] = (await podsOf(cluster, namespace, "accounts")) as readonly [PodView];
    assert.deepEqual(
      spec.initContainers?.map(({ name }) => name),
      ["picket-proxy"],
    );
    assert.equal(metadata.annotations["picket.dev/capture"], "Port");
  });

  it("are judged by their Service, which names the sidecar's port", async () => {
    assert.equal(await statusFrom(cluster, namespace, "http://accounts/v1/accounts/1"), 200);
    assert.equal(await statusFrom(cluster, namespace, "http://accounts/admin"), 403);
  });

  it("answer kubelet themselves: their own port is not captured", async () => {
    const [{ status }] = (await podsOf(cluster, namespace, "accounts")) as readonly [PodView];
    assert.ok(status.containerStatuses.every(({ ready }) => ready));
    // What Port mode cannot do, and docs/guides/inject.md says so: a network policy or a loopback address closes it.
    assert.equal(await statusOf(`http://${status.podIP}:8080/healthz`), 200);
    assert.equal(await statusOf(`http://${status.podIP}:28080/healthz`), 403);
  });

  it("cannot be redirected there: the API server says so when somebody tries", async () => {
    const template = { annotations: { "picket.dev/capture-mode": "Redirect" } };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "redirected", ...template },
      spec: { containers: [{ name: "app", image: "picket.test/application:1", ...modest }] },
    };
    await cluster.apply([pod], namespace);
    const args = ["get", "pod", "redirected", "--namespace", namespace, "--output=jsonpath={.metadata.annotations}"];
    assert.match(await cluster.kubectl(args), /picket\.dev\/not-injected.*PodSecurity|restricted/);
  });
});
