import { parseArgs } from "node:util";
import { readConfig } from "../platform/config.ts";
import { runProgram } from "../platform/program.ts";
import { compileFolder, compileOutputs, isCompileOutput } from "./compile.ts";
import { clusterSettings, folderSettings, sourceSetting } from "./config.ts";

await runProgram(async () => {
  const { values } = parseArgs({ options: { compile: { type: "string" }, output: { type: "string" } } });
  if (values.compile === undefined) await run();
  else if (isCompileOutput(values.output)) process.exitCode = compileFolder(values.compile, values.output, process);
  else throw new TypeError(`--output must be one of ${compileOutputs.join(", ")}`);
});

/** Loads only what the source needs: the one for a cluster is three times as large. */
async function run(): Promise<void> {
  const { source } = readConfig({ source: sourceSetting }, process.env);
  if (source === "folder") {
    const { runOnFolder } = await import("./run-on-folder.ts");
    await runOnFolder(readConfig(folderSettings, process.env));
  } else {
    const { runInCluster } = await import("./run-in-cluster.ts");
    await runInCluster(readConfig(clusterSettings, process.env));
  }
}
