import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../platform/envoy-binary.ts";

/** One package of Debian 12 for amd64, as images/debian.json pins it. */
interface PinnedPackage {
  readonly version: string;
  readonly sha256: string;
}

const pinsFile = join(import.meta.dirname, "../../images/debian.json");

/**
 * The folder with the content of a pinned package. It is fetched once, by `apt-get` from whatever mirror this machine
 * uses, and used only when its digest is the one that was pinned.
 */
export function debianPackage(name: string): string {
  const pins = JSON.parse(readFileSync(pinsFile, "utf8")) as Readonly<Record<string, PinnedPackage>>;
  const pin = pins[name];
  if (pin === undefined) throw new Error(`images/debian.json does not pin ${name}`);
  const cache = join(cacheFolder(process.env), "debian");
  const content = join(cache, pin.sha256);
  if (existsSync(content)) return content;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "fetch-"));
  try {
    fetchPackage(folder, `${name}=${pin.version}`);
    const [file] = globSync(join(folder, "*.deb"));
    if (file === undefined) throw new Error(`apt-get did not download ${name} ${pin.version}`);
    const digest = createHash("sha256").update(readFileSync(file)).digest("hex");
    if (digest !== pin.sha256) throw new Error(`${name} ${pin.version} has digest ${digest}, not ${pin.sha256}`);
    execFileSync("dpkg-deb", ["--extract", file, join(folder, "content")]);
    if (!existsSync(content)) renameSync(join(folder, "content"), content);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return content;
}

/** True where the parts from Debian are at hand or can be fetched. */
export function canFetchDebian(): boolean {
  try {
    execFileSync("apt-get", ["--version"], { stdio: "ignore" });
    execFileSync("dpkg-deb", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function fetchPackage(folder: string, wanted: string): void {
  const download = ["--quiet", "--option", "APT::Sandbox::User=root", "download", wanted];
  const options = { cwd: folder, stdio: ["ignore", "ignore", "pipe"] as const, encoding: "utf8" as const };
  try {
    execFileSync("apt-get", download, { ...options, stdio: [...options.stdio] });
  } catch (error) {
    // A machine that never looked at its mirror has no list of packages yet.
    execFileSync("apt-get", ["--quiet", "update"], { stdio: "ignore" });
    try {
      execFileSync("apt-get", download, { ...options, stdio: [...options.stdio] });
    } catch {
      const hint = "pin what the mirror has now in images/debian.json, after reading what changed";
      throw new Error(`apt-get cannot download ${wanted}; ${hint}`, { cause: error });
    }
  }
}
