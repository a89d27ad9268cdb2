import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const root = join(import.meta.dirname, "../..");

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Paths of the rule files of the chart. */
export const ruleFiles: readonly string[] = globSync("charts/picket/rules/*.yaml", { cwd: root })
  .toSorted()
  .map((file) => join(root, file));

/** Every rule of every file. */
export const rules: readonly Rule[] = ruleFiles.flatMap((file) => {
  const { groups } = parse(readFileSync(file, "utf8")) as { groups: readonly { rules: readonly Rule[] }[] };
  return groups.flatMap((group) => group.rules);
});

export const alerts = rules.filter((rule): rule is Rule & { readonly alert: string } => rule.alert !== undefined);

/** Metrics of ours that an expression reads; histograms by their family. */
export function metricsIn(expression: string): readonly string[] {
  const names = expression.match(/\bpicket_[a-z_]+/g) ?? [];
  return [...new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, "")))];
}

/** Names of docs/reference/metrics.md, with their labels. */
export function documentedMetrics(): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(join(root, "docs/reference/metrics.md"), "utf8");
  const rows = text.matchAll(/^\| `(picket_[a-z_]+)` \| [a-z]+ \| (.*?) \|/gm);
  const found = new Map<string, string[]>();
  for (const [, name = "", labels = ""] of rows) {
    found.set(name, [...(found.get(name) ?? []), ...[...labels.matchAll(/`([a-z_]+)`/g)].map(([, label]) => label!)]);
  }
  return found;
}
