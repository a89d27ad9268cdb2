/**
 * Runs the fuzz targets in `test/fuzz/`, one after the other, each with the arguments given here (`--count`, `--seed`),
 * and stops at the first that finds something. They are programs of their own since they use the tests' emulators.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const targets = ["paths"];

for (const target of targets) {
  const file = fileURLToPath(new URL(`../test/fuzz/${target}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
