import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { byName, chartFolder, helmOrSkip, render, type KubeObject } from "./render.ts";

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

const labels = { release: "stack" };
const monitored = {
  metrics: {
    rules: { enabled: true, labels, disabled: ["PicketDecisionSlow"] },
    dashboards: { enabled: true, label: "my_dashboard", labelValue: "yes", folder: "Security" },
    podMonitor: { enabled: true, labels },
  },
};

function read(pattern: string): readonly (readonly [name: string, text: string])[] {
  const files = globSync(pattern, { cwd: chartFolder }).toSorted();
  assert.ok(files.length > 0);
  return files.map((file) => [file.slice(file.indexOf("/") + 1), readFileSync(join(chartFolder, file), "utf8")]);
}

describe("monitoring by the chart", () => {
  let objects: ReadonlyMap<string, KubeObject>;

  before(async function () {
    await helmOrSkip(this);
    objects = byName(render({ values: monitored }));
  });

  it("is made only where it is asked for, since a cluster may not have its kinds", () => {
    const kinds = new Set(render().map(({ kind }) => kind));
    for (const kind of ["ServiceMonitor", "PodMonitor", "PrometheusRule"]) assert.ok(!kinds.has(kind), kind);
  });

  it("carries the labels by which a Prometheus selects", () => {
    for (const name of ["PrometheusRule/picket", "PodMonitor/picket", "PodMonitor/picket-proxies"]) {
      assert.equal(objects.get(name)!.metadata.labels?.release, "stack", name);
    }
  });

  it("has every alert and rule of the files, each alert with a runbook that is there, but for those left out", () => {
    const { groups } = objects.get("PrometheusRule/picket")!.spec as RuleFile;
    const given = groups.flatMap(({ rules }) => rules);
    const written = read("rules/*.yaml")
      .flatMap(([, text]) => (parse(text) as RuleFile).groups)
      .flatMap(({ rules }) => rules);
    assert.deepEqual(
      given.map(({ alert, record }) => alert ?? record),
      written.map(({ alert, record }) => alert ?? record).filter((name) => name !== "PicketDecisionSlow"),
    );
    for (const { alert, annotations } of given) {
      if (alert === undefined) continue;
      assert.equal(annotations?.runbook_url, `https://picket.dev/docs/runbooks/${alert}`);
      assert.ok(existsSync(join(chartFolder, "../../docs/runbooks", `${alert}.md`)), alert);
      // What Prometheus fills in must come through Helm unchanged.
      const own = written.find((rule) => rule.alert === alert)!;
      assert.equal(annotations.description, own.annotations?.description);
    }
  });

  it("has every dashboard, unchanged, where Grafana looks for it", () => {
    for (const [file, text] of read("dashboards/*.json")) {
      const map = objects.get(`ConfigMap/picket-dashboard-${file.replace(".json", "")}`)!;
      assert.equal(map.metadata.labels?.my_dashboard, "yes");
      assert.equal(map.metadata.annotations?.grafana_folder, "Security");
      const data = map.data as Readonly<Record<string, string>>;
      assert.deepEqual(JSON.parse(data[file]!), JSON.parse(text));
    }
  });

  it("scrapes ports that the pods have", () => {
    const monitor = objects.get("PodMonitor/picket")!.spec as { podMetricsEndpoints: { port: string }[] };
    for (const { port } of monitor.podMetricsEndpoints) {
      for (const component of ["operator", "scorer"]) {
        const pods = JSON.stringify(objects.get(`Deployment/picket-${component}`));
        assert.ok(pods.includes(`"name":"${port}"`), `${component} has no port ${port}`);
      }
    }
  });
});
