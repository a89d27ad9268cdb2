import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../../platform/envoy-binary.ts";
import { CommandError, runCommand, succeed } from "./command.ts";
import { keepNewest } from "./keep-newest.ts";
import { takeLock } from "./lock.ts";
import { Unavailable } from "./unavailable.ts";

/** Names under which the one binary is started. */
export const kubePrograms = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
] as const;

const source = join(import.meta.dirname, "../kube");
const sourceFiles = ["go.mod", "go.sum", "main.go"] as const;
/** Names of binaries in the cache: hash of their source, and the Go that built them. */
const kind = /^kube-[0-9a-f]+-go[\d.]+$/;
/** A cold build takes about 750 seconds of processor time. */
const buildTimeoutMs = 40 * 60_000;

/**
 * The binary with etcd and all programs of Kubernetes: `$PICKET_KUBE`, or the one in the cache, or a new one built from
 * `test/cluster/kube`. Throws Unavailable, with what to do, where it cannot be built.
 */
export async function ensureKube(environment: NodeJS.ProcessEnv, say: (line: string) => void): Promise<string> {
  const given = environment.PICKET_KUBE;
  if (given) {
    if (!existsSync(given)) throw new Unavailable(`there is no file ${given}, which PICKET_KUBE names`);
    return given;
  }
  const goVersion = await goVersionHere();
  const folder = join(cacheFolder(environment), "cluster");
  const name = `kube-${hashOfSource()}`;
  const target = join(folder, `${name}-${goVersion ?? "none"}`);
  const problem = problemOfGo(goVersion);
  // Without the right Go, what another one built is as good.
  const built = existsSync(target) ? target : problem && globSync(`${folder}/${name}-*`)[0];
  if (built) {
    keepNewest(folder, kind, built);
    return built;
  }
  if (problem !== undefined) throw new Unavailable(problem);
  mkdirSync(folder, { recursive: true });
  const lock = await takeLock("build", {
    timeoutMs: buildTimeoutMs,
    onWait: () => say("another run builds the Kubernetes programs; waiting for it"),
  });
  try {
    if (existsSync(target)) return target;
    say(`building etcd and Kubernetes ${kubeVersion()} (8 to 12 minutes the first time, seconds after)`);
    await build(target);
    keepNewest(folder, kind, target);
    return target;
  } finally {
    await lock.release();
  }
}

/** The version of Kubernetes that go.mod asks for, such as `v1.36.3`. */
export function kubeVersion(): string {
  return fieldOfGoMod(/^\s*k8s\.io\/kubernetes (v\S+)$/m);
}

async function build(target: string): Promise<void> {
  const version = kubeVersion();
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const inPackage = "k8s.io/component-base/version";
  const settings = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" };
  const stamps = Object.entries(settings).map(([name, value]) => `-X ${inPackage}.${name}=${value}`);
  const next = `${target}.${process.pid}`;
  const command = ["go", "build", "-trimpath", "-ldflags", ["-s -w", ...stamps].join(" "), "-o", next, "."];
  // Flags of whoever runs this must not change what is built, nor may the module proxy be asked for another Go.
  const environment = { GOFLAGS: "", CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off" };
  try {
    await succeed(["nice", "-n", "10", ...command], { folder: source, environment, timeoutMs: buildTimeoutMs });
    renameSync(next, target);
  } catch (error) {
    rmSync(next, { force: true });
    const why =
      error instanceof CommandError ? error.result.stderr.trim().split("\n").slice(-5).join("\n") : String(error);
    throw new Unavailable(`the Kubernetes programs cannot be built: ${why}`);
  }
}

function hashOfSource(): string {
  const hash = createHash("sha256");
  for (const name of sourceFiles) hash.update(readFileSync(join(source, name)));
  return hash.digest("hex").slice(0, 16);
}

async function goVersionHere(): Promise<string | undefined> {
  try {
    const { code, stdout } = await runCommand(["go", "env", "GOVERSION"], { environment: { GOTOOLCHAIN: "local" } });
    return code === 0 ? stdout.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** Why this Go cannot build it; undefined when it can. */
function problemOfGo(found: string | undefined): string | undefined {
  const wanted = fieldOfGoMod(/^go (\S+)$/m);
  if (found === undefined) return `there is no Go; install Go ${wanted} or newer, or set PICKET_KUBE`;
  return isOlder(found, wanted) ? `${found} is too old; install Go ${wanted} or newer, or set PICKET_KUBE` : undefined;
}

/** Compares `go1.26.8` with `1.26.0` by major and minor number. */
function isOlder(found: string, wanted: string): boolean {
  const [a, b] = [found, wanted].map((text) => (/(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number));
  const [major = 0, minor = 0] = a ?? [];
  const [wantedMajor = 0, wantedMinor = 0] = b ?? [];
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

function fieldOfGoMod(pattern: RegExp): string {
  const found = pattern.exec(readFileSync(join(source, "go.mod"), "utf8"))?.[1];
  if (found === undefined) throw new Error(`test/cluster/kube/go.mod has nothing like ${pattern.source}`);
  return found;
}
