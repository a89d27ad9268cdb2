/**
 * `make kind-up`: builds the images, makes a cluster of kind, loads them and installs the chart. Where a tool is
 * missing it says which, and does nothing.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { buildImage, compilePrograms } from "./images/build.ts";
import { imageNames } from "./images/root-filesystems.ts";
import { kindSteps } from "./kind/steps.ts";

const root = join(import.meta.dirname, "..");
const name = process.env.PICKET_KIND_CLUSTER ?? "picket";

process.exitCode = main();

function main(): number {
  const missing = whatIsMissing();
  if (missing !== undefined) {
    process.stdout.write(`skipped: ${missing}\n`);
    return 0;
  }
  process.stderr.write("build the images\n");
  compilePrograms(root);
  const images = imageNames.map((image) => buildImage(root, image));
  const clusters = spawnSync("kind", ["get", "clusters"], { encoding: "utf8" }).stdout.split("\n");
  const chart = join(root, "charts/picket");
  for (const { title, command } of kindSteps({ name, exists: clusters.includes(name), images, chart })) {
    process.stderr.write(`${title}\n`);
    const [program = "", ...args] = command;
    const { status } = spawnSync(program, args, { stdio: "inherit" });
    if (status !== 0) {
      process.stderr.write(`error: this failed: ${command.join(" ")}\ntry:   run it alone, then make kind-up again\n`);
      return 1;
    }
  }
  process.stdout.write(`ready: kubectl --context kind-${name} --namespace picket-system get pods\n`);
  return 0;
}

/** The first tool that is not there, in words for a person. */
function whatIsMissing(): string | undefined {
  const works = (program: string, ...args: readonly string[]): boolean =>
    spawnSync(program, args, { stdio: "ignore" }).status === 0;
  if (!works("docker", "info")) return "Docker is missing, or its daemon does not answer";
  if (!works("kind", "version")) return "kind is missing; see https://kind.sigs.k8s.io";
  if (!works("helm", "version")) return "helm is missing; see https://helm.sh";
  return undefined;
}
