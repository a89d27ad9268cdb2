import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../../..");
const guides = join(root, "docs/guides");

/** What `node test/cluster/main.ts` ends with where there can be no cluster. */
const unavailableCode = 3;

/** Pages whose blocks marked `sh cluster` are typed here, from the top down, in a cluster of their own. */
const pages = ["monitoring.md", "troubleshooting.md"];

/** Definitions of Prometheus Operator, as far as the guides need them. */
function definition(kind: string, plural: string): string {
  return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${plural}.monitoring.coreos.com }
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: { kind: ${kind}, plural: ${plural}, singular: ${kind.toLowerCase()} }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
---
`;
}

const definitions = [
  ["Prometheus", "prometheuses"],
  ["ServiceMonitor", "servicemonitors"],
  ["PodMonitor", "podmonitors"],
  ["PrometheusRule", "prometheusrules"],
].map(([kind = "", plural = ""]) => definition(kind, plural));

const before = `set -e
# Without a node no pod starts, so checks find something: that is an answer, too.
picket() { command picket "$@" || [ $? -eq 1 ]; }
export PATH='${join(root, "bin")}':"$PATH" NO_COLOR=1 LC_ALL=C
kubectl apply -f - <<'END'
${definitions.join("")}
END
kubectl wait --for=condition=Established crd --all --timeout=30s
kubectl create namespace monitoring
kubectl apply -f - <<'END'
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: { name: main, namespace: monitoring }
spec:
  serviceMonitorSelector: { matchLabels: { release: stack } }
  serviceMonitorNamespaceSelector: {}
  ruleSelector: { matchLabels: { release: stack } }
  ruleNamespaceSelector: {}
END
kubectl create namespace bank
kubectl label namespace bank picket.dev/inject=enabled
kubectl -n bank create deployment accounts --image picket.test/none:1 --port 8080
`;

describe("commands of the guides, in a cluster", function () {
  this.timeout(180_000);

  it("do what they say", function () {
    const blocks = pages.flatMap((page) => {
      const text = readFileSync(join(guides, page), "utf8");
      const found = [...text.matchAll(/^```sh cluster\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
      assert.ok(found.length >= 3, page);
      return found.map((block, index) => `echo '== ${page} ${index + 1}' >&2\n${block}`);
    });
    const { status, stdout, stderr } = spawnSync(
      "node",
      [join(root, "test/cluster/main.ts"), "run", "--no-node", "bash", "-c", `${before}${blocks.join("")}`],
      { cwd: root, encoding: "utf8" },
    );
    if (status === unavailableCode) return this.skip();
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    // The trap of the guide: seen, mended by its own words, and gone.
    assert.match(
      stdout,
      /fail ServiceMonitor picket: Prometheus monitoring\/main ignores it: it lacks release=stack\n/,
    );
    assert.match(
      stdout,
      /fail PrometheusRule picket: Prometheus monitoring\/main ignores it: it lacks release=stack\n/,
    );
    assert.match(stdout, /ok ServiceMonitor picket: taken by monitoring\/main\nok PrometheusRule picket: taken by/);
    assert.match(stdout, /ok kinds: all 8, in version v1alpha1\n/);
    assert.match(stdout, /fail picket-operator: none of 2 replicas is ready\n/);
    assert.match(stdout, /fail deployment bank\/accounts: 1 pod without a proxy/);
    assert.match(stdout, /^bank\/accounts:8080: mode observe\nno policy speaks about it$/m);
  });

  it("name only pages that are there", () => {
    for (const page of pages) {
      const text = readFileSync(join(guides, page), "utf8");
      for (const [, link = ""] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        assert.ok(existsSync(join(guides, link)), `${page}: ${link}`);
      }
    }
  });
});
