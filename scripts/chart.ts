/** Writes what the chart repeats of other files: the kinds in files/crds/, and docs/reference/chart.md. */
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chartReference } from "./chart/reference.ts";

const root = join(import.meta.dirname, "..");

/** Helm reads no file outside of the chart and follows no link, so it gets a copy. */
const copies = join(root, "charts/picket/files/crds");

main();

function main(): void {
  rmSync(copies, { recursive: true, force: true });
  mkdirSync(copies, { recursive: true });
  for (const file of globSync("crds/*.yaml", { cwd: root }))
    copyFileSync(join(root, file), join(copies, file.slice(5)));
  const values = readFileSync(join(root, "charts/picket/values.yaml"), "utf8");
  writeFileSync(join(root, "docs/reference/chart.md"), chartReference(values));
}
