/** Runs the measurements under bench/, one after the other; exit code 1 when a goal is missed. */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
let missed = 0;
for (const file of globSync("bench/*.ts", { cwd: root }).toSorted()) {
  process.stdout.write(`== ${file}\n`);
  if (spawnSync(process.execPath, [join(root, file), ...process.argv.slice(2)], { stdio: "inherit" }).status !== 0)
    missed++;
}
process.exitCode = missed === 0 ? 0 : 1;
