import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Json } from "../../../operator/inject/pod.ts";
import { refusals } from "../../../operator/inject/refusal.ts";
import { injectionPolicies, policyName, type PolicyObject } from "../../../operator/inject/policy.ts";
import { goldenPods, settings } from "../../golden/inject/cases.ts";
import { clusterStartMs, poll, startCluster, type Cluster } from "../cluster.ts";
import { podOf, PodsOnServer, refusalIn } from "../injection.ts";

const group = "/apis/admissionregistration.k8s.io/v1";
const plural = (kind: string): string => `${kind.toLowerCase().replace(/y$/, "ie")}s`;

for (const failurePolicy of ["Fail", "Ignore"] as const) {
  describe(`injection by a policy of the API server, failurePolicy ${failurePolicy}`, () => {
    let cluster: Cluster;
    let pods: PodsOnServer;
    let installed: readonly PolicyObject[] = [];

    before(async function () {
      this.timeout(clusterStartMs);
      cluster = await startCluster({ node: false });
      const run = randomBytes(3).toString("hex");
      const ownNamespace = await cluster.namespace("own", { labels: { "picket.test/injection": run } });
      pods = new PodsOnServer(cluster, { ...settings, failurePolicy, ownNamespace }, run);
      installed = injectionPolicies(pods.settings).map((object) => confine(object, run, pods.confinement));
      for (const object of installed) {
        const { status, body } = await cluster.call("POST", `${group}/${plural(object.kind)}`, { body: object });
        assert.equal(status, 201, JSON.stringify(body));
      }
      // In force after a moment.
      const plain = goldenPods.find(({ name }) => name === "plain")!;
      const refused = goldenPods.find(({ name }) => name === "host-network")!;
      await poll(async () => JSON.stringify((await pods.create(plain)).body).includes("picket-proxy"), {
        timeoutMs: 30_000,
        what: "the policy that injects",
      });
      await poll(async () => seen(await pods.create(refused)), {
        timeoutMs: 30_000,
        what: "the policy that refuses",
      });
    });
    after(async () => {
      for (const { kind, metadata } of installed) {
        await cluster.call("DELETE", `${group}/${plural(kind)}/${metadata.name}`);
      }
      await pods?.removeNamespaces();
      await cluster?.stop();
    });

    const seen = ({ status, warnings }: { status: number; warnings: readonly string[] }): boolean =>
      failurePolicy === "Fail" ? status !== 201 : warnings.some((text) => text.includes("hostNetwork"));

    for (const golden of goldenPods.filter(({ server }) => server)) {
      it(`makes the pod that injection makes: ${golden.name}`, async () => {
        const expected = await pods.expected(golden);
        const answer = await pods.create(golden);
        switch (expected.kind) {
          case "injected":
            return assert.deepEqual(podOf(answer), await pods.untouched(expected.pod));
          case "skipped":
            return assert.deepEqual(podOf(answer), await pods.untouched(golden.pod));
          case "refused": {
            if (failurePolicy === "Fail") return assert.ok(refusalIn(answer).includes(refusals[expected.reason]));
            assert.ok(answer.warnings.some((text) => text.includes(`picket: ${expected.message}`)));
            const { metadata } = podOf(answer) as { metadata: { annotations: Record<string, string> } };
            assert.equal(metadata.annotations["picket.dev/not-injected"], expected.message);
            const unmarked = { ...metadata.annotations };
            delete unmarked["picket.dev/not-injected"];
            const made = podOf(answer) as object;
            const left = Object.keys(unmarked).length === 0 ? {} : { annotations: unmarked };
            const { annotations: _marked, ...rest } = metadata;
            assert.deepEqual({ ...made, metadata: { ...rest, ...left } }, await pods.untouched(golden.pod));
          }
        }
      });
    }

    it("takes in what a later policy adds", async () => {
      const late = latePolicy(`zz-${installed[0]!.metadata.name}`, pods.confinement);
      for (const object of late) await cluster.call("POST", `${group}/${plural(object.kind)}`, { body: object });
      try {
        const golden = goldenPods.find(({ name }) => name === "plain")!;
        const added = { name: "late", image: "late:1", livenessProbe: { tcpSocket: { port: 9000 } } };
        const { pod } = golden as { pod: { metadata: object; spec: { containers: object[] } } };
        const spec = { ...pod.spec, containers: [...pod.spec.containers, added] };
        const metadata = { ...pod.metadata, annotations: { late: "true" } };
        const expected = await pods.expected({ ...golden, pod: { metadata, spec } });
        assert.ok(expected.kind === "injected");
        const waiting = { ...golden, pod: { ...pod, metadata } };
        const made = await poll(
          async () => {
            const one = await pods.create(waiting);
            return JSON.stringify(one.body).includes("late:1") && podOf(one);
          },
          { timeoutMs: 30_000, what: "the later policy" },
        );
        assert.deepEqual(made, await pods.untouched(expected.pod));
      } finally {
        for (const { kind, metadata } of late) {
          await cluster.call("DELETE", `${group}/${plural(kind)}/${metadata.name}`);
        }
      }
    });

    it("is within the API server's bounds of cost for a large pod", async () => {
      const probe = { httpGet: { path: "/", port: "http" } };
      const containers = Array.from({ length: 60 }, (_, index) => ({
        name: `c${index}`,
        image: "app:1",
        ports: [{ name: "http", containerPort: 8000 + index }],
        livenessProbe: probe,
        readinessProbe: probe,
        startupProbe: probe,
        env: Array.from({ length: 50 }, (_, number) => ({ name: `V${number}`, value: "x" })),
      }));
      const golden = {
        ...goldenPods.find(({ name }) => name === "plain")!,
        pod: { metadata: { name: "large" }, spec: { containers } },
      };
      const expected = await pods.expected(golden);
      assert.ok(expected.kind === "injected");
      assert.deepEqual(podOf(await pods.create(golden)), await pods.untouched(expected.pod));
    });

    it("changes nothing of a pod that it made", async () => {
      for (const name of ["plain", "probe-http", "excluded-allowed", "several-containers-port"]) {
        const golden = goldenPods.find((one) => one.name === name)!;
        const made = podOf(await pods.create(golden));
        assert.deepEqual(podOf(await pods.create({ ...golden, pod: made })), made, name);
      }
    });
  });
}

/** Another policy, after ours: adds a container to pods that are annotated. */
function latePolicy(name: string, only: object): readonly PolicyObject[] {
  const container = `{"name": dyn("late"), "image": dyn("late:1"), "livenessProbe": dyn({"tcpSocket": {"port": 9000}})}`;
  const apiVersion = "admissionregistration.k8s.io/v1";
  return [
    {
      apiVersion,
      kind: "MutatingAdmissionPolicy",
      metadata: { name, labels: {} },
      spec: {
        reinvocationPolicy: "Never",
        matchConstraints: {
          namespaceSelector: { matchExpressions: [only as Json] },
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
        },
        matchConditions: [
          {
            name: "asked",
            expression: `"late" in object.metadata.?annotations.orValue({}) && !object.spec.containers.exists(c, c.name == "late")`,
          },
        ],
        mutations: [
          {
            patchType: "JSONPatch",
            jsonPatch: { expression: `[JSONPatch{op: "add", path: "/spec/containers/-", value: ${container}}]` },
          },
        ],
      },
    },
    { apiVersion, kind: "MutatingAdmissionPolicyBinding", metadata: { name, labels: {} }, spec: { policyName: name } },
  ];
}

/** The object under a name of its own, for the namespaces of one test only. */
function confine(object: PolicyObject, run: string, only: object): PolicyObject {
  const text = JSON.stringify(object).replaceAll(policyName, `${policyName}-${run}`);
  const copy = JSON.parse(text) as PolicyObject & {
    spec: { matchConstraints?: { namespaceSelector: { matchExpressions: object[] } } };
  };
  copy.spec.matchConstraints?.namespaceSelector.matchExpressions.push(only);
  return copy;
}
