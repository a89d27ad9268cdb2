import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createInjectionMetrics } from "../../../operator/inject/metrics.ts";
import { createWebhook, type WebhookServer } from "../../../operator/inject/webhook.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { Registry } from "../../../platform/metrics.ts";
import { goldenPods, settings } from "../../golden/inject/cases.ts";
import { Authority, SwappableTls } from "../../platform/authority.ts";
import { clusterStartMs, poll, startCluster, type Cluster } from "../cluster.ts";
import { podOf, PodsOnServer, refusalIn } from "../injection.ts";

const configurations = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

for (const failurePolicy of ["Fail", "Ignore"] as const) {
  describe(`injection by the webhook, failurePolicy ${failurePolicy}`, () => {
    let cluster: Cluster;
    let pods: PodsOnServer;
    let authority: Authority;
    let tls: SwappableTls;
    let webhook: WebhookServer;
    let registry: Registry;
    let late: Server;
    const run = randomBytes(3).toString("hex");
    const names = [`picket-${run}`, `zz-${run}`];

    before(async function () {
      this.timeout(clusterStartMs);
      cluster = await startCluster({ node: false });
      const ownNamespace = await cluster.namespace("own", { labels: { "picket.test/injection": run } });
      pods = new PodsOnServer(cluster, { ...settings, failurePolicy, ownNamespace }, run);
      authority = await Authority.create("webhooks");
      tls = new SwappableTls(await authority.issue());
      registry = new Registry();
      webhook = createWebhook({
        settings: pods.settings,
        namespaceOf: pods.namespaceOf,
        tls,
        metrics: createInjectionMetrics(registry),
        log: createLog({ level: "error", format: "text", clock: systemClock, write: () => {} }),
        ready: () => true,
      });
      const { port } = await webhook.start({ host: "127.0.0.1", port: 0, path: "" });
      late = await lateWebhook(authority);
      await install(names[0]!, `https://127.0.0.1:${port}/inject`, failurePolicy);
      await install(names[1]!, `https://127.0.0.1:${(late.address() as AddressInfo).port}/late`, "Fail");
      const plain = goldenPods.find(({ name }) => name === "plain")!;
      await poll(async () => JSON.stringify((await pods.create(plain)).body).includes("picket-proxy"), {
        timeoutMs: 30_000,
        what: "the webhook",
      });
    });
    after(async () => {
      for (const name of names) await cluster?.call("DELETE", `${configurations}/${name}`);
      await webhook?.stop();
      late?.close();
      await pods?.removeNamespaces();
      await cluster?.stop();
    });

    /** As the chart has it, but by address, and for the namespaces of this test only. */
    async function install(name: string, url: string, policy: "Fail" | "Ignore"): Promise<void> {
      const webhookOf = (
        part: string,
        asking: "In" | "NotIn",
        pod: { readonly operator: "In" | "NotIn"; readonly value: string },
      ): object => ({
        name: `${part}.${name}.picket.dev`,
        namespaceSelector: {
          matchExpressions: [
            {
              key: "kubernetes.io/metadata.name",
              operator: "NotIn",
              values: [pods.settings.ownNamespace, "kube-system"],
            },
            { key: "picket.dev/inject", operator: asking, values: ["enabled"] },
            pods.confinement,
          ],
        },
        objectSelector: {
          matchExpressions: [{ key: "picket.dev/inject", operator: pod.operator, values: [pod.value] }],
        },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
        clientConfig: { url, caBundle: Buffer.from(authority.pem).toString("base64") },
        admissionReviewVersions: ["v1"],
        failurePolicy: policy,
        reinvocationPolicy: "IfNeeded",
        sideEffects: "None",
        timeoutSeconds: 5,
      });
      const body = {
        metadata: { name },
        webhooks: [
          webhookOf("namespace", "In", { operator: "NotIn", value: "false" }),
          webhookOf("pod", "NotIn", { operator: "In", value: "true" }),
        ],
      };
      const answer = await cluster.call("POST", configurations, { body });
      assert.equal(answer.status, 201, JSON.stringify(answer.body));
    }

    for (const golden of goldenPods.filter(({ server }) => server)) {
      it(`makes the pod that injection makes: ${golden.name}`, async () => {
        const expected = await pods.expected(golden);
        const answer = await pods.create(golden);
        switch (expected.kind) {
          case "injected":
            assert.deepEqual(podOf(answer), await pods.untouched(expected.pod));
            return assert.deepEqual(
              expected.warnings,
              answer.warnings.filter((text) => text.startsWith("picket: ")),
            );
          case "skipped":
            return assert.deepEqual(podOf(answer), await pods.untouched(golden.pod));
          case "refused": {
            if (failurePolicy === "Fail") {
              return assert.ok(refusalIn(answer).endsWith(`denied the request: picket: ${expected.message}`));
            }
            assert.ok(answer.warnings.some((text) => text.startsWith("picket: not injected: ")));
            const { metadata } = podOf(answer) as { metadata: { annotations: Record<string, string> } };
            assert.equal(metadata.annotations["picket.dev/not-injected"], expected.message);
          }
        }
      });
    }

    it("takes in what a later webhook adds", async () => {
      const golden = goldenPods.find(({ name }) => name === "plain")!;
      const { pod } = golden as { pod: { metadata: object; spec: { containers: object[] } } };
      const metadata = { ...pod.metadata, annotations: { late: "true" } };
      const spec = { ...pod.spec, containers: [...pod.spec.containers, lateContainer] };
      const expected = await pods.expected({ ...golden, pod: { metadata, spec } });
      assert.ok(expected.kind === "injected");
      const made = await pods.create({ ...golden, pod: { ...pod, metadata } });
      assert.deepEqual(podOf(made), await pods.untouched(expected.pod));
    });

    it("changes nothing of a pod that it made", async () => {
      for (const golden of goldenPods.filter(({ server }) => server)) {
        const first = await pods.create(golden);
        if (first.status !== 201) continue;
        const made = podOf(first);
        assert.deepEqual(podOf(await pods.create({ ...golden, pod: made })), made, golden.name);
      }
    });

    it("goes on with another certificate of its authority", async () => {
      const plain = goldenPods.find(({ name }) => name === "plain")!;
      for (let i = 0; i < 3; i++) {
        tls.swap(await authority.issue({ names: [`number ${i}`] }));
        assert.match(JSON.stringify((await pods.create(plain)).body), /picket-proxy/);
      }
    });

    it("does as the install says where the certificate is another authority's, and elsewhere nothing", async () => {
      const other = await Authority.create("somebody else");
      const before = tls.context();
      tls.swap(await other.issue());
      // Connections that are open keep the certificate they were made with.
      await webhook.stop();
      const plain = goldenPods.find(({ name }) => name === "plain")!;
      const answer = await pods.create(plain);
      if (failurePolicy === "Fail") assert.match(JSON.stringify(answer.body), /failed calling webhook/);
      else assert.doesNotMatch(JSON.stringify(answer.body), /picket-proxy/);
      assert.equal(answer.status, failurePolicy === "Fail" ? 500 : 201);
      // Vector L14: pods elsewhere and of the own namespace are created while the webhook is down.
      await pods.untouched(plain.pod);
      assert.equal((await pods.dryRun(pods.settings.ownNamespace, plain.pod)).status, 201);
      tls.swap(before);
    });
  });
}

const lateContainer = { name: "late", image: "late:1", livenessProbe: { tcpSocket: { port: 9000 } } };

/** Another webhook, after ours: adds a container to pods that are annotated. */
async function lateWebhook(authority: Authority): Promise<Server> {
  const { certificate, key } = await authority.issue();
  const server = createServer({ cert: certificate, key: key.reveal() }, (request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => (text += part));
    request.on("end", () => {
      const { request: asked } = JSON.parse(text) as {
        request: {
          uid: string;
          object: { metadata: { annotations?: object }; spec: { containers: { name: string }[] } };
        };
      };
      const { metadata, spec } = asked.object;
      const isMeant = "late" in (metadata.annotations ?? {}) && spec.containers.every(({ name }) => name !== "late");
      const patch = isMeant ? [{ op: "add", path: "/spec/containers/-", value: lateContainer }] : [];
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          apiVersion: "admission.k8s.io/v1",
          kind: "AdmissionReview",
          response: {
            uid: asked.uid,
            allowed: true,
            patchType: "JSONPatch",
            patch: Buffer.from(JSON.stringify(patch)).toString("base64"),
          },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
