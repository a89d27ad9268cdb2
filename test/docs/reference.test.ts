import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { factsOf, reasons, type Reason } from "../../core/verdict/reason.ts";
import { clusterSettings, folderSettings } from "../../operator/config.ts";
import { createOperatorMetrics } from "../../operator/metrics.ts";
import { printAddress, type Address, type Setting } from "../../platform/config.ts";
import { Registry } from "../../platform/metrics.ts";
import { scorerSettings } from "../../sidecar/config.ts";
import { createScorerMetrics } from "../../sidecar/metrics.ts";

const root = join(import.meta.dirname, "../..");

/** Rows by their first cell. */
const byName = (a: readonly (string | undefined)[], b: readonly (string | undefined)[]): number =>
  String(a[0]).localeCompare(String(b[0]));

/** Rows of the tables below a heading of a reference page: the cells, the first without its backticks. */
function rows(page: string, heading?: string): string[][] {
  const text = readFileSync(join(root, "docs/reference", page), "utf8");
  const part =
    heading === undefined ? text : (text.split(/^## /m).find((section) => section.startsWith(heading)) ?? "");
  return part
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .map(([name = "", ...cells]) => [name.replaceAll("`", ""), ...cells]);
}

/** A cell of the tables: words as code, or a dash for none. */
function inCode(words: readonly string[]): string {
  return words.length === 0 ? "–" : words.map((word) => `\`${word}\``).join(", ");
}

/** Labels of a metric, which the library keeps but does not tell of. */
function labelsOf(registry: Registry, name: string): readonly string[] {
  const metric: object | undefined = registry.getSingleMetric(name);
  assert.ok(metric);
  return "labelNames" in metric ? (metric.labelNames as readonly string[]) : [];
}

function printValue(value: string | number | Address): string {
  return typeof value === "object" ? printAddress(value) : String(value);
}

describe("docs/reference", () => {
  it("lists every reason with its verdict, status and meaning, and no other", () => {
    const expected = (Object.keys(reasons) as Reason[]).map((reason) => {
      const { kind, status, text } = factsOf(reason);
      return [reason, kind, status === undefined ? "–" : String(status), text];
    });
    assert.deepEqual(rows("reasons.md").toSorted(byName), expected.toSorted(byName));
    assert.ok(expected.length <= 40, "the list of reasons is a metric label and stays short");
  });

  for (const [program, create] of [
    ["Scorer", createScorerMetrics],
    ["Operator", createOperatorMetrics],
  ] as const) {
    it(`lists every metric of the ${program.toLowerCase()} with type and labels, and no other`, async () => {
      const registry = new Registry();
      create(registry);
      const expected = (await registry.getMetricsAsJSON()).map(({ name, help, type }) => [
        name,
        String(type),
        inCode(labelsOf(registry, name)),
        help,
      ]);
      assert.deepEqual(rows("metrics.md", program).toSorted(byName), expected.toSorted(byName));
      for (const [name = ""] of expected) assert.match(name, /^picket_[a-z_]+$/);
    });
  }

  for (const [program, settings] of [
    ["Scorer", scorerSettings],
    ["Operator over a folder", folderSettings],
    ["Operator in a cluster", clusterSettings],
  ] as const) {
    it(`lists every setting of the ${program.toLowerCase()} with default, form and meaning, and no other`, () => {
      const expected = Object.values(settings).map((setting: Setting<string | number | Address>) => [
        setting.name,
        inCode(setting.fallback === undefined ? [] : [printValue(setting.fallback)]),
        setting.expects,
        setting.meaning,
      ]);
      assert.deepEqual(rows("settings.md", program).toSorted(byName), expected.toSorted(byName));
    });
  }
});
