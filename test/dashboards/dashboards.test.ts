import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { stringify } from "yaml";
import { dashboards } from "../../scripts/dashboards/all.ts";
import { printDashboard } from "../../scripts/dashboards/grafana.ts";
import { promtool, runPromtool } from "../promtool.ts";
import { documentedMetrics, metricsIn } from "../rules/rule-files.ts";

const root = join(import.meta.dirname, "../..");
const folder = join(root, "charts/picket/dashboards");

interface PanelModel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly options?: { readonly content?: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface DashboardModel {
  readonly uid: string;
  readonly title: string;
  readonly editable: boolean;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Readonly<Record<string, unknown>>[] };
  readonly panels: readonly PanelModel[];
}

/** Panels of a dashboard; more are not looked at by anybody. */
const panelsMax = 20;

const files = globSync("*.json", { cwd: folder }).toSorted();
const models = files.map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as DashboardModel);
const panels = models.flatMap((model) =>
  model.panels
    .filter(({ type }) => type !== "row")
    .map((panel) => ({ model, panel, name: `${model.title}: ${panel.title}` })),
);
const charts = panels.filter(({ panel }) => panel.type !== "text");
const expressions = charts.flatMap(({ name, panel }) => (panel.targets ?? []).map(({ expr }) => ({ name, expr })));

/** Types by metric, of docs/reference/metrics.md. */
const types = new Map(
  [
    ...readFileSync(join(root, "docs/reference/metrics.md"), "utf8").matchAll(
      /^\| `(picket_[a-z_]+)` \| ([a-z]+) \|/gm,
    ),
  ].map(([, name = "", type = ""]) => [name, type]),
);

describe("dashboards", () => {
  it("are the six, as scripts/dashboards.ts writes them", () => {
    assert.deepEqual(files, dashboards.map(({ uid }) => `${uid}.json`).toSorted());
    assert.equal(files.length, 6);
    for (const dashboard of dashboards) {
      const file = join(folder, `${dashboard.uid}.json`);
      assert.equal(
        readFileSync(file, "utf8"),
        printDashboard(dashboard),
        `node scripts/dashboards.ts (${basename(file)})`,
      );
    }
  });

  it("cannot be edited in place, have the present schema and few panels", () => {
    for (const model of models) {
      assert.equal(model.editable, false, model.title);
      assert.equal(model.schemaVersion, 42, model.title);
      assert.ok(model.panels.filter(({ type }) => type !== "row").length <= panelsMax, model.title);
    }
  });

  it("let people choose data source, job and instance, again when the time changes", () => {
    for (const { title, templating } of models) {
      const [datasource, job, instance] = templating.list;
      assert.deepEqual([datasource?.["name"], datasource?.["type"]], ["datasource", "datasource"], title);
      for (const [variable, name] of [
        [job, "job"],
        [instance, "instance"],
      ] as const) {
        assert.equal(variable?.["name"], name, title);
        assert.deepEqual(
          [variable?.["refresh"], variable?.["multi"], variable?.["includeAll"]],
          [2, true, true],
          title,
        );
        assert.deepEqual(variable?.["datasource"], { type: "prometheus", uid: "${datasource}" }, title);
      }
    }
  });

  it("have a title, a description, a unit and a target on each panel, or a text", () => {
    for (const { name, panel } of panels) {
      assert.match(panel.title, /^[A-Z]/, name);
      assert.match(panel.description ?? "", /\.$/, name);
      if (panel.type === "text") assert.ok((panel.options?.content ?? "").length > 40, name);
      else {
        assert.ok(panel.fieldConfig?.defaults.unit, name);
        assert.ok((panel.targets ?? []).length > 0, name);
        assert.equal(panel.datasource?.uid, "${datasource}", name);
        for (const { legendFormat } of panel.targets ?? []) assert.notEqual(legendFormat, "", name);
      }
    }
    assert.ok(charts.length > 40);
  });

  it("ask only for metrics and labels that Picket emits, of the chosen jobs and instances", () => {
    const known = documentedMetrics();
    const common = ["job", "instance", "le"];
    for (const { name, expr } of expressions) {
      const metrics = metricsIn(expr);
      assert.ok(metrics.length > 0, name);
      for (const metric of metrics) assert.ok(known.has(metric), `${name}: ${metric}`);
      const labels = new Set([...common, ...metrics.flatMap((metric) => known.get(metric) ?? [])]);
      const used = [
        ...[...expr.matchAll(/([a-z_]+)(?:=~|!~|!=|=)"/g)].map(([, label]) => label!),
        ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(",").map((label) => label.trim())),
      ];
      for (const label of used) assert.ok(labels.has(label), `${name}: label ${label}`);
      for (const [selector] of expr.matchAll(/\bpicket_[a-z_]+(\{[^}]*\})?/g)) {
        assert.ok(selector.includes('{job=~"$job",instance=~"$instance"'), `${name}: ${selector}`);
      }
    }
  });

  it("show counters as rates or increases only, over a range that fits the picture", () => {
    for (const { name, expr } of expressions) {
      for (const [whole, family = ""] of expr.matchAll(/\b(picket_[a-z_]+)\{[^}]*\}(?:\[[^\]]*\])?/g)) {
        const isCounter = types.get(family) === "counter" || /_(bucket|sum|count)$/.test(family);
        const counts = /\bcount by \(api\) \($/.test(expr.slice(0, expr.indexOf(whole)));
        if (isCounter && !counts) assert.match(whole, /\[\$__(rate_interval|range)\]$/, `${name}: ${whole}`);
        if (!isCounter) assert.doesNotMatch(whole, /\[/, `${name}: ${whole}`);
      }
      for (const [, range] of expr.matchAll(/\brate\([^[]*\[([^\]]+)\]/g))
        assert.equal(range, "$__rate_interval", name);
    }
  });

  it("lay out panels beside each other, never over each other", () => {
    for (const { title, panels: all } of models) {
      const taken = new Set<string>();
      for (const { gridPos, title: panel } of all) {
        assert.ok(gridPos.x + gridPos.w <= 24, `${title}: ${panel}`);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            assert.ok(!taken.has(`${x} ${y}`), `${title}: ${panel}`);
            taken.add(`${x} ${y}`);
          }
        }
      }
      const ids = all.map(({ id }) => id);
      assert.deepEqual(ids, [...new Set(ids)], title);
    }
  });

  it("hold only PromQL that Prometheus reads", function () {
    const tool = promtool();
    if (tool === undefined) return this.skip();
    const temporary = mkdtempSync(join(tmpdir(), "picket-dashboards-"));
    try {
      const file = join(temporary, "rules.yaml");
      const rules = expressions.map(({ expr }, index) => ({
        record: `panel:${index}`,
        expr: expr
          .replaceAll("$__rate_interval", "5m")
          .replaceAll("$__range", "1h")
          .replaceAll(/\$(job|instance)/g, ".+"),
      }));
      writeFileSync(file, stringify({ groups: [{ name: "panels", rules }] }));
      const { ok, output } = runPromtool(tool, ["check", "rules", file]);
      assert.ok(ok, output);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
});
