import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { clusterSettings } from "../../operator/config.ts";
import { scorerSettings } from "../../sidecar/config.ts";
import { byName, chartFolder, helmOrSkip, render, type KubeObject } from "./render.ts";

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly hostPort?: number }[];
  readonly resources: { readonly requests?: object; readonly limits?: { readonly memory?: string } };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts?: readonly { readonly name: string }[];
}

interface PodSpec {
  readonly containers: readonly Container[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly automountServiceAccountToken?: boolean;
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
  readonly [field: string]: unknown;
}

function podSpecOf(object: KubeObject): PodSpec | undefined {
  if (object.kind === "Pod") return object.spec as PodSpec;
  if (object.kind !== "Deployment") return undefined;
  return (object.spec as { template: { spec: PodSpec } }).template.spec;
}

/** Volumes that PodSecurity "restricted" allows, and that need no node. */
const volumeKinds = ["configMap", "secret", "projected", "emptyDir"];

describe("pods of the chart", () => {
  let pods: readonly { readonly title: string; readonly spec: PodSpec }[];

  before(async function () {
    await helmOrSkip(this);
    const files = [...globSync("ci/*.yaml", { cwd: chartFolder }), "values-ha.yaml", "values-demo.yaml"];
    pods = files.flatMap((file) =>
      render({ files: [file] }).flatMap((object) => {
        const spec = podSpecOf(object);
        return spec === undefined ? [] : [{ title: `${file}: ${object.metadata.name}`, spec }];
      }),
    );
    assert.ok(pods.length > 60);
  });

  it("satisfy PodSecurity restricted and never write their root", () => {
    for (const { title, spec } of pods) {
      for (const field of ["hostNetwork", "hostPID", "hostIPC", "initContainers"]) assert.ok(!(field in spec), title);
      const { runAsNonRoot, runAsUser, seccompProfile } = spec.securityContext;
      assert.deepEqual([runAsNonRoot, runAsUser, seccompProfile], [true, 65532, { type: "RuntimeDefault" }], title);
      for (const container of spec.containers) {
        assert.deepEqual(
          container.securityContext,
          { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
          title,
        );
        for (const port of container.ports ?? []) assert.equal(port.hostPort, undefined, title);
      }
      for (const volume of spec.volumes ?? []) {
        const kinds = Object.keys(volume).filter((key) => key !== "name");
        assert.ok(kinds.length === 1 && volumeKinds.includes(kinds[0]!), title);
      }
    }
  });

  it("say how much they need and have a limit for memory", () => {
    for (const { title, spec } of pods) {
      for (const { resources } of spec.containers) {
        assert.ok(resources.requests !== undefined && resources.limits?.memory !== undefined, title);
      }
    }
  });

  it("hold the token of the API server only where it is used", () => {
    for (const { title, spec } of pods) {
      assert.equal(spec.automountServiceAccountToken, title.endsWith("picket-operator"), title);
    }
  });

  it("name an image by a tag that is not latest, or by digest", () => {
    for (const { title, spec } of pods) {
      for (const { image } of spec.containers) assert.match(image, /^[^@]+(?::[^/:]+|@sha256:[a-f0-9]{64})$/, title);
    }
  });

  it("mount what they have and have what they mount", () => {
    for (const { title, spec } of pods) {
      const volumes = (spec.volumes ?? []).map(({ name }) => String(name)).toSorted();
      const mounts = spec.containers
        .flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name))
        .toSorted();
      assert.deepEqual(mounts, volumes, title);
    }
  });

  it("are never injected themselves", () => {
    for (const object of render()) {
      const labels =
        object.kind === "Deployment"
          ? (object.spec as { template: { metadata: { labels: Record<string, string> } } }).template.metadata.labels
          : object.metadata.labels;
      if (podSpecOf(object) !== undefined) assert.equal(labels?.["picket.dev/inject"], "false");
    }
  });

  it("are found by their Service, budget, network policy and monitor", () => {
    const objects = byName(render({ files: ["ci/pod-monitor.yaml"] }));
    for (const component of ["operator", "scorer"]) {
      const wanted = { "app.kubernetes.io/name": "picket", "app.kubernetes.io/component": component };
      const name = `picket-${component}`;
      const at = (kind: string): Record<string, unknown> => objects.get(`${kind}/${name}`)!.spec as never;
      const deployment = at("Deployment") as { selector: unknown; template: { metadata: { labels: object } } };
      assert.deepEqual(deployment.selector, { matchLabels: wanted });
      assert.deepEqual({ ...deployment.template.metadata.labels, ...wanted }, deployment.template.metadata.labels);
      assert.deepEqual(at("Service").selector, wanted);
      assert.deepEqual(at("PodDisruptionBudget").selector, { matchLabels: wanted });
      assert.deepEqual(at("NetworkPolicy").podSelector, { matchLabels: wanted });
    }
  });

  it("are told every setting that has no default, and none that their program does not have", () => {
    const objects = byName(render());
    for (const [name, settings] of [
      ["picket-operator", clusterSettings],
      ["picket-scorer", scorerSettings],
    ] as const) {
      const { env } = podSpecOf(objects.get(`Deployment/${name}`)!)!.containers[0]!;
      const told = env.map((one) => one.name).filter((one) => one.startsWith("PICKET_"));
      const known = Object.values(settings);
      for (const one of told)
        assert.ok(
          known.some((setting) => setting.name === one),
          `${name}: ${one}`,
        );
      for (const { name: one, fallback } of known) assert.ok(fallback !== undefined || told.includes(one), one);
    }
  });

  it("are told the addresses in the namespace of the release", () => {
    const objects = byName(render({ namespace: "security" }));
    const environment = (name: string): ReadonlyMap<string, string | undefined> =>
      new Map(
        podSpecOf(objects.get(`Deployment/${name}`)!)!.containers[0]!.env.map(({ name, value }) => [name, value]),
      );
    assert.equal(environment("picket-operator").get("PICKET_SCORER"), "picket-scorer.security.svc:15031");
    assert.equal(environment("picket-scorer").get("PICKET_OPERATOR"), "picket-operator.security.svc:15010");
    const { webhooks } = objects.get("MutatingWebhookConfiguration/picket") as unknown as {
      webhooks: { clientConfig: { service: object; caBundle?: string }; namespaceSelector: unknown }[];
    };
    assert.equal(webhooks.length, 2);
    for (const { clientConfig, namespaceSelector } of webhooks) {
      assert.deepEqual(clientConfig, {
        service: { name: "picket-operator", namespace: "security", port: 443, path: "/inject" },
      });
      assert.match(JSON.stringify(namespaceSelector), /"NotIn","values":\["kube-system",.*"security"\]/);
    }
  });
});
