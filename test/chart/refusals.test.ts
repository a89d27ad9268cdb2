import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chartFolder, helmOrSkip, refusal, render, runHelm, type RenderOptions } from "./render.ts";

const refused: readonly (readonly [title: string, options: RenderOptions, sentence: RegExp])[] = [
  ["kube-system", { namespace: "kube-system" }, /not installed into the namespace kube-system.*\n.*picket-system/],
  ["the default namespace", { namespace: "default" }, /not installed into the namespace default/],
  ["Kubernetes 1.28", { kubeVersion: "1.28.9" }, /chart requires kubeVersion: >=1\.29|needs Kubernetes 1\.29/],
  [
    "injection by policy before Kubernetes 1.36",
    { kubeVersion: "1.35.2", values: { injection: { mode: "policy" } } },
    /needs Kubernetes 1\.36.*this cluster is v1\.35\.2\.\nUse injection\.mode: webhook/,
  ],
  ["Enforce with one scorer", { values: { mode: "Enforce", scorer: { replicas: 1 } } }, /Set scorer\.replicas .*to 2/],
  [
    "Enforce with one scorer by autoscaling",
    { values: { mode: "Enforce", scorer: { autoscaling: { enabled: true, minReplicas: 1 } } } },
    /one scorer/,
  ],
  ["a default that this version does not keep", { values: { mode: "Enforce" } }, /is not there yet/],
  [
    "both monitors",
    { values: { metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } } } },
    /counted twice.*\nSwitch one off/,
  ],
  [
    "more replicas at least than at most",
    { values: { scorer: { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 4 } } } },
    /greater than maxReplicas/,
  ],
];

describe("chart", () => {
  before(async function () {
    await helmOrSkip(this);
  });

  for (const [title, options, sentence] of refused) {
    it(`refuses ${title}, and says what to do`, () => assert.match(refusal(options), sentence));
  }

  it("passes helm lint, strictly", () => {
    const home = mkdtempSync(join(tmpdir(), "picket-chart-"));
    try {
      const { status, stdout } = runHelm(["lint", "--strict", "--namespace", "picket-system", chartFolder], home);
      assert.equal(status, 0, stdout);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  it("takes Kubernetes 1.29, also with the suffix of a vendor", () => {
    for (const kubeVersion of ["1.29.0", "1.29.4-gke.1043002", "1.31.1+k3s1"]) {
      assert.ok(render({ kubeVersion }).length > 10);
    }
  });
});
