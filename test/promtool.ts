import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { cacheFolder } from "../platform/envoy-binary.ts";

let found: string | undefined;
let hasLooked = false;

/**
 * Prometheus' own checker: `$PICKET_PROMTOOL`, one on the path, or taken out of the Debian package into the cache,
 * without installing that package. Undefined where there is none; then a test skips itself.
 */
export function promtool(): string | undefined {
  if (hasLooked) return found;
  hasLooked = true;
  const cached = join(cacheFolder(process.env), "promtool", "promtool");
  const onPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "promtool"));
  const named = process.env.PICKET_PROMTOOL;
  found = [...(named ? [named] : []), ...onPath, cached].find((path) => existsSync(path)) ?? fetchFromDebian(cached);
  return found;
}

function fetchFromDebian(target: string): string | undefined {
  const cache = join(target, "../..");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "promtool-"));
  try {
    const quietly = { cwd: folder, stdio: "ignore" } as const;
    if (spawnSync("apt-get", ["download", "prometheus"], quietly).status !== 0) {
      // The list of packages may be missing; only root may fetch it.
      spawnSync("apt-get", ["update"], quietly);
      if (spawnSync("apt-get", ["download", "prometheus"], quietly).status !== 0) return undefined;
    }
    const [deb = ""] = globSync(join(folder, "prometheus_*.deb"));
    execFileSync("dpkg-deb", ["--extract", deb, join(folder, "files")], quietly);
    mkdirSync(join(target, ".."), { recursive: true });
    renameSync(join(folder, "files/usr/bin/promtool"), target);
    return target;
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs promtool and gives what it said; `ok` is false when it found something. */
export function runPromtool(
  tool: string,
  args: readonly string[],
  { input = "", folder = process.cwd() } = {},
): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(tool, args, { input, cwd: folder, encoding: "utf8" });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}
