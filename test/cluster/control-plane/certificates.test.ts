import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { authorityLifeMs } from "../../../operator/certs/authority.ts";
import { createCertificates, type Certificates } from "../../../operator/certs/certificates.ts";
import { createCertificateMetrics } from "../../../operator/certs/metrics.ts";
import { settleMs } from "../../../operator/certs/plan.ts";
import { createKubeMetrics } from "../../../operator/kube/metrics.ts";
import { createTransport, type KubeTransport } from "../../../operator/kube/transport.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { Registry } from "../../../platform/metrics.ts";
import { fastTime } from "../../operator/kube/fast-time.ts";
import { clusterStartMs, poll, startCluster, type Cluster } from "../cluster.ts";
import { renderedRules } from "../rendered-rules.ts";

const roles = "/apis/rbac.authorization.k8s.io/v1";
const webhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

describe("certificates in a real API server", () => {
  const name = `picket-certificates-${process.pid}`;
  const time = fastTime(60);
  /** What the wall clock says beside what it is. */
  let skewMs = 0;
  let cluster: Cluster;
  let own = "";
  let bank = "";
  let transport: KubeTransport;
  let certificates: Certificates;
  const stopping = new AbortController();
  const lines: string[] = [];

  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
    own = await cluster.namespace("own");
    bank = await cluster.namespace("bank");
    await grant();
    // As Helm makes it: without an authority, which is the operator's field.
    const webhookOf = (part: string): object => ({
      name: `${part}.${name}.picket.dev`,
      namespaceSelector: { matchLabels: { "picket.test/none": "true" } },
      rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
      clientConfig: { service: { name: "picket-operator", namespace: own, port: 443, path: "/inject" } },
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
    });
    const body = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: { name },
      webhooks: ["namespace", "pod"].map(webhookOf),
    };
    const helm = { body, contentType: "application/apply-patch+yaml" };
    assert.equal((await cluster.call("PATCH", `${webhooks}/${name}?fieldManager=helm`, helm)).status, 201);

    const log = createLog({ level: "info", format: "text", clock: systemClock, write: (line) => lines.push(line) });
    const kubeconfig = await cluster.kubeconfigFor({ namespace: own, name: "default" });
    transport = await createTransport({ kubeconfig, log, clock: systemClock });
    certificates = createCertificates({
      transport,
      namespace: own,
      source: "builtin",
      operatorName: "picket-operator",
      scorerName: "picket-scorer",
      webhookName: name,
      isLeader: () => true,
      metrics: createCertificateMetrics(new Registry()),
      kubeMetrics: createKubeMetrics(new Registry()),
      clock: { now: () => Date.now() + skewMs, monotonic: () => time.monotonic() },
      timers: time,
      random: Math.random,
      log,
    });
    certificates.trustIn(new Set([bank]));
    await certificates.start(stopping.signal);
  });
  after(async () => {
    stopping.abort();
    transport?.close();
    const bindings = ["clusterroles", "clusterrolebindings"].map((kind) => `${roles}/${kind}/${name}`);
    for (const path of [...bindings, `${webhooks}/${name}`]) await cluster?.call("DELETE", path);
    for (const namespace of [own, bank]) await cluster?.removeNamespace(namespace);
    await cluster?.stop();
  });

  /** The rights of the chart, for the account of the test and its webhook. */
  async function grant(): Promise<void> {
    const subjects = [{ kind: "ServiceAccount", name: "default", namespace: own }];
    for (const kind of ["ClusterRole", "Role"] as const) {
      const text = JSON.stringify(await renderedRules(cluster, "webhook", kind)).replaceAll('"picket"', `"${name}"`);
      const place = kind === "Role" ? `${roles}/namespaces/${own}` : roles;
      const role = { metadata: { name }, rules: JSON.parse(text) as readonly object[] };
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind, name };
      const made = await cluster.call("POST", `${place}/${kind.toLowerCase()}s`, { body: role });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      const binding = { metadata: { name }, roleRef, subjects };
      const bound = await cluster.call("POST", `${place}/${kind.toLowerCase()}bindings`, { body: binding });
      assert.equal(bound.status, 201, JSON.stringify(bound.body));
    }
  }

  async function bundle(namespace: string): Promise<string> {
    const { body } = await cluster.call("GET", `/api/v1/namespaces/${namespace}/configmaps/picket-trust`);
    return (body as { data?: Record<string, string> }).data?.["ca.crt"] ?? "";
  }

  async function caBundles(): Promise<readonly string[]> {
    const { body } = await cluster.call("GET", `${webhooks}/${name}`);
    const held = (body as { webhooks: readonly { clientConfig: { caBundle?: string } }[] }).webhooks;
    return held.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? "", "base64").toString());
  }

  const authorities = (text: string): readonly X509Certificate[] =>
    [...text.matchAll(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)].map(([pem]) => new X509Certificate(pem));
  const isBelieved = (text: string): boolean => {
    const served = new X509Certificate(certificates.tls.context().certificate);
    return authorities(text).some(({ publicKey }) => served.verify(publicKey));
  };
  const until = <T>(what: string, probe: () => Promise<T | false>): Promise<T> =>
    poll(probe, { timeoutMs: 30_000, what: `${what}\n${lines.join("")}` });

  it("are made, written and made known with the rights of the chart, in the types that kubelet mounts", async () => {
    const text = await until("the bundle", async () => (await bundle(bank)) || false);
    assert.equal(await bundle(own), text);
    await until("the webhook", async () => (await caBundles()).every((one) => one === text));
    assert.ok(isBelieved(text));
    const { body } = await cluster.call("GET", `/api/v1/namespaces/${own}/secrets/picket-scorer-tls`);
    assert.equal((body as { type: string }).type, "kubernetes.io/tls");
    assert.doesNotMatch(lines.join(""), /warn|error|forbidden/i);
  });

  it("leave what Helm wrote of the webhook as it is", async () => {
    const { body } = await cluster.call("GET", `${webhooks}/${name}`);
    const held = body as { webhooks: readonly { clientConfig: { service: { path: string } }; sideEffects: string }[] };
    assert.deepEqual(
      held.webhooks.map(({ clientConfig, sideEffects }) => [clientConfig.service.path, sideEffects]),
      [
        ["/inject", "None"],
        ["/inject", "None"],
      ],
    );
  });

  it("are replaced with both authorities believed meanwhile", async () => {
    const before = await bundle(bank);
    skewMs = (authorityLifeMs * 2) / 3;
    const during = await until("two authorities", async () => {
      const text = await bundle(bank);
      return authorities(text).length === 2 && text;
    });
    await until("the webhook", async () => (await caBundles()).every((one) => one === during));
    assert.ok(isBelieved(before));
    skewMs += settleMs;
    await until("a certificate of the new one", async () => !isBelieved(before) && isBelieved(during));
    assert.doesNotMatch(lines.join(""), /error|forbidden/i);
  });

  it("come back after their Secrets were deleted, and after the bundle was edited", async () => {
    for (const secret of ["picket-ca", "picket-operator-tls"]) {
      await cluster.call("DELETE", `/api/v1/namespaces/${own}/secrets/${secret}`);
    }
    await until("a certificate that is believed", async () => {
      const { status } = await cluster.call("GET", `/api/v1/namespaces/${own}/secrets/picket-operator-tls`);
      return status === 200 && isBelieved(await bundle(bank));
    });
    const good = await bundle(own);
    const edit = { body: { data: { "ca.crt": "mine" } }, contentType: "application/merge-patch+json" };
    await cluster.call("PATCH", `/api/v1/namespaces/${bank}/configmaps/picket-trust`, edit);
    await until("the bundle put right", async () => (await bundle(bank)) === good);
  });
});
