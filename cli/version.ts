import { envoyRelease } from "../platform/envoy-binary.ts";
import { versionOf } from "../platform/version.ts";
import { writeResult, type ResultFormat } from "./output/result.ts";
import { exitCodes, type Shell } from "./shell.ts";

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
