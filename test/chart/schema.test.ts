import assert from "node:assert/strict";
import { helmOrSkip, refusal, render } from "./render.ts";

/** Values that are refused, with a word of the message that tells which it is. */
const bad: readonly (readonly [title: string, values: unknown, message: RegExp])[] = [
  ["a key that does not exist", { scorers: {} }, /scorers/],
  ["a misspelt key inside", { injection: { failurePolice: "Fail" } }, /failurePolice/],
  ["a key of a later version", { analytics: { enabled: true } }, /analytics/],
  ["a misspelt key deep inside", { scorer: { image: { digets: "x" } } }, /digets/],
  ["a mode that is none", { mode: "enforce" }, /mode/],
  ["a number of replicas in words", { operator: { replicas: "two" } }, /replicas/],
  ["no replica", { scorer: { replicas: 0 } }, /replicas/],
  ["half a replica", { scorer: { replicas: 1.5 } }, /replicas/],
  ["more replicas than there is room for", { operator: { replicas: 1000 } }, /replicas/],
  ["a switch in words", { crds: { keep: "no" } }, /keep/],
  ["a failure policy that is none", { injection: { failurePolicy: "Allow" } }, /failurePolicy/],
  ["a way of injection that is none", { injection: { mode: "cni" } }, /mode/],
  ["a way of capture that is none", { injection: { proxy: { captureMode: "tproxy" } } }, /captureMode/],
  ["the tag latest", { operator: { image: { tag: "latest" } } }, /tag/],
  ["a tag with a blank", { operator: { image: { tag: "1 2" } } }, /tag/],
  ["a digest that is too short", { scorer: { image: { digest: "sha256:abc" } } }, /digest/],
  ["a digest of another kind", { scorer: { image: { digest: `md5:${"a".repeat(64)}` } } }, /digest/],
  ["a tag within the repository", { scorer: { image: { repository: "scorer:1" } } }, /repository/],
  ["a repository that leaves the registry", { scorer: { image: { repository: "../x" } } }, /repository/],
  ["YAML in the name of an image", { operator: { image: { repository: "a\nhostNetwork: true" } } }, /repository/],
  ["YAML in a tag", { operator: { image: { tag: '1"\n  privileged: true' } } }, /tag/],
  ["YAML in the registry", { global: { imageRegistry: "a.example\nx: y" } }, /imageRegistry/],
  ["a template in the registry", { global: { imageRegistry: "{{ .Release.Name }}" } }, /imageRegistry/],
  ["YAML in a label", { global: { commonLabels: { team: "a\nb: c" } } }, /team/],
  ["a label that is no label", { global: { commonLabels: { "a b": "c" } } }, /a b/],
  ["a label that is a number", { global: { commonLabels: { team: 5 } } }, /team/],
  ["a log level that is none", { global: { logLevel: "trace" } }, /logLevel/],
  ["YAML in the name of a pull secret", { global: { imagePullSecrets: [{ name: "a\nb: c" }] } }, /name/],
  ["a pull secret without a name", { global: { imagePullSecrets: [{}] } }, /name/],
  ["a resource that is none", { operator: { resources: { requests: { gpu: 1 } } } }, /gpu/],
  ["a quantity that is none", { operator: { resources: { limits: { memory: "a lot" } } } }, /memory/],
  ["a quantity below nothing", { operator: { resources: { limits: { memory: -1 } } } }, /memory/],
  ["a toleration with an effect that is none", { operator: { tolerations: [{ effect: "Never" }] } }, /effect/],
  ["YAML in the class of priority", { operator: { priorityClassName: "a\nb: c" } }, /priorityClassName/],
  ["an affinity that is none", { operator: { affinity: { hostNetwork: true } } }, /hostNetwork/],
  ["a way to spread that is none", { scorer: { spread: "Zone" } }, /spread/],
  ["a target of CPU that is none", { scorer: { autoscaling: { targetCpuPercent: 150 } } }, /targetCpuPercent/],
  ["an interval without a unit", { metrics: { serviceMonitor: { interval: "30" } } }, /interval/],
  ["YAML in an interval", { metrics: { podMonitor: { interval: "30s\nx: y" } } }, /interval/],
  ["an alert that is none of ours", { metrics: { rules: { disabled: ["Watchdog"] } } }, /disabled/],
  ["a link that runs something", { metrics: { rules: { runbooks: "javascript:alert(1)" } } }, /runbooks/],
  ["YAML in the folder of dashboards", { metrics: { dashboards: { folder: "a\nb: c" } } }, /folder/],
  ["YAML in the label of dashboards", { metrics: { dashboards: { label: "a: b\nc" } } }, /label/],
  ["certificates by somebody unknown", { certificates: { provider: "vault" } }, /provider/],
  ["an issuer of another kind", { certificates: { issuerRef: { kind: "Vault" } } }, /kind/],
  ["YAML in the name of the issuer", { certificates: { issuerRef: { name: "a, kind: B" } } }, /name/],
  ["an address where a range belongs", { networkPolicy: { apiServerCidrs: ["10.0.0.1"] } }, /apiServerCidrs/],
  ["a port that is none", { networkPolicy: { operatorPorts: [0] } }, /operatorPorts/],
  ["no port at all", { networkPolicy: { operatorPorts: [] } }, /operatorPorts/],
  ["a namespace that is none", { networkPolicy: { metricsFrom: ["A B"] } }, /metricsFrom/],
];

describe("values.schema.json", () => {
  before(async function () {
    await helmOrSkip(this);
  });

  for (const [title, values, message] of bad) {
    it(`refuses ${title}`, () => {
      const text = refusal({ values });
      assert.match(text, /don't meet the specifications of the schema/);
      assert.match(text, message);
    });
  }

  it("takes quantities, labels and digests as Kubernetes writes them", () => {
    const values = {
      global: { commonLabels: { "example.com/team": "a_b.c-d", empty: "" } },
      operator: {
        image: { tag: "v1.2.3-rc.1", digest: `sha256:${"0".repeat(64)}` },
        resources: { requests: { cpu: 1, memory: "1.5Gi" }, limits: { cpu: "1500m" } },
        tolerations: [{ operator: "Exists" }],
      },
    };
    assert.ok(render({ values }).length > 10);
  });
});
