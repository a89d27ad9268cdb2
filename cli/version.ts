import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { envoyRelease } from "../platform/envoy-binary.ts";
import { writeResult, type ResultFormat } from "./output/result.ts";
import { exitCodes, type Shell } from "./shell.ts";

/** The version in package.json. */
export function versionOf(): string {
  const text = readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

export async function showVersion(shell: Shell, output: ResultFormat): Promise<number> {
  const picket = versionOf();
  const node = process.versions.node;
  await writeResult(shell, output, {
    kind: "Version",
    body: { picket, node, envoy: envoyRelease.version },
    text: () => `picket ${picket}\nnode ${node}\nenvoy ${envoyRelease.version} (tested)\n`,
    names: () => [picket],
  });
  return exitCodes.fine;
}
