import assert from "node:assert/strict";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { promtool, runPromtool } from "../promtool.ts";
import { alertCases, type AlertCase, type Situation } from "./cases.ts";
import { alerts, documentedMetrics, metricsIn, ruleFiles, rules } from "./rule-files.ts";

const runbooks = join(import.meta.dirname, "../../docs/runbooks");

describe("alert rules", () => {
  const tool = promtool();

  it("are there", () => assert.ok(alerts.length >= 14));

  it("pass Prometheus' own checker", function () {
    if (tool === undefined) return this.skip();
    for (const file of ruleFiles) {
      const { ok, output } = runPromtool(tool, ["check", "rules", file]);
      assert.ok(ok, output);
    }
  });

  it("have a severity, a fixed summary that is a sentence, and a description", () => {
    for (const { alert, labels, annotations } of alerts) {
      assert.match(alert, /^Picket[A-Z][A-Za-z]+$/);
      assert.ok(["critical", "warning", "info"].includes(labels?.["severity"] ?? ""), alert);
      assert.match(annotations?.["summary"] ?? "", /^[A-Z][^{}]*\.$/, alert);
      assert.match(annotations?.["description"] ?? "", /\.$/, alert);
    }
  });

  it("read only metrics that Picket emits", () => {
    const known = documentedMetrics();
    for (const { expr, record, alert } of rules) {
      const names = metricsIn(expr);
      assert.ok(names.length > 0 || expr.includes("picket:"), alert ?? record);
      for (const name of names) assert.ok(known.has(name), `${alert ?? record}: ${name}`);
    }
  });

  it("each have a case that fires and one that does not, and no other has", () => {
    assert.deepEqual(alertCases.map(({ alert }) => alert).toSorted(), alerts.map(({ alert }) => alert).toSorted());
  });

  it("each have a runbook page, and no other has", () => {
    const pages = globSync("*.md", { cwd: runbooks }).filter((page) => page !== "README.md");
    assert.deepEqual(pages.toSorted(), alerts.map(({ alert }) => `${alert}.md`).toSorted());
    for (const { alert, annotations } of alerts) {
      const text = readFileSync(join(runbooks, `${alert}.md`), "utf8");
      assert.ok(text.startsWith(`# ${alert}\n\n${annotations?.["summary"]}\n`), `${alert}: title and summary`);
      const sections = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
      assert.deepEqual(sections, ["Meaning", "Impact", "What to look at", "What to do"], alert);
      for (const [, link = ""] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        assert.ok(existsSync(join(runbooks, link)), `${alert}: ${link}`);
      }
    }
  });

  it("are all listed in the guide, with their severity and summary, and no other is", () => {
    const guide = readFileSync(join(runbooks, "../guides/monitoring.md"), "utf8");
    const rows = guide.matchAll(/^\| \[(Picket\w+)\]\(\.\.\/runbooks\/(\w+)\.md\) \| (\w+) \| (.*) \|$/gm);
    const told = [...rows].map(([, alert, page, severity, summary]) => [alert, page, severity, summary]);
    const expected = alerts.map(({ alert, labels, annotations }) => [
      alert,
      alert,
      labels?.["severity"],
      annotations?.["summary"],
    ]);
    const byName = (a: readonly unknown[], b: readonly unknown[]): number => String(a[0]).localeCompare(String(b[0]));
    assert.deepEqual(told.toSorted(byName), expected.toSorted(byName));
  });

  for (const one of alertCases) {
    it(`${one.alert} fires when ${one.fires.name}, and not when ${one.quiet.name}`, function () {
      if (tool === undefined) return this.skip();
      const folder = mkdtempSync(join(tmpdir(), "picket-rules-"));
      try {
        const file = join(folder, "test.yaml");
        writeFileSync(file, stringify(unitTest(one)));
        const { ok, output } = runPromtool(tool, ["test", "rules", file]);
        assert.ok(ok, output);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

/** The case as promtool reads it. */
function unitTest({ alert, fires, quiet }: AlertCase): unknown {
  const rule = alerts.find((one) => one.alert === alert);
  assert.ok(rule);
  const expected = {
    exp_labels: { severity: rule.labels?.["severity"], ...fires.labels },
    exp_annotations: { ...rule.annotations, description: fires.description },
  };
  const one = ({ name, series, atMinutes }: Situation, exp_alerts: readonly unknown[]): unknown => ({
    name,
    interval: "1m",
    input_series: Object.entries(series).map(([series, values]) => ({ series, values })),
    alert_rule_test: [{ eval_time: `${atMinutes}m`, alertname: alert, exp_alerts }],
  });
  return {
    rule_files: ruleFiles,
    evaluation_interval: "1m",
    tests: [one(fires, [expected]), one(quiet, [])],
  };
}
