import { spawn, spawnSync, type ChildProcess } from "node:child_process";

/** Makes a folder the root of a process, read-only as in a pod, and becomes the user of the image. */
const enter = `
mount --bind "$0" "$0"
mount --options remount,bind,ro "$0"
exec chroot --userspec="$1" "$0" "\${@:2}"
`;

/** True where a process can be put into a root file system of its own. */
export function canJail(): boolean {
  return spawnSync("unshare", ["--mount", "--net", "true"], { stdio: "ignore" }).status === 0;
}

export interface Jailed {
  readonly folder: string;
  readonly user: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** In a network of its own, so that its rules are nobody's. */
  readonly ownNetwork?: boolean;
}

export function startJailed({ folder, user, environment = {}, command, ownNetwork = false }: Jailed): ChildProcess {
  const apart = ["--mount", "--propagation", "private", ...(ownNetwork ? ["--net"] : [])];
  return spawn("unshare", [...apart, "bash", "-e", "-c", enter, folder, user, ...command], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...environment },
  });
}

/** Runs a command to its end and gives what it wrote. */
export async function runJailed(jailed: Jailed): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = startJailed(jailed);
  let output = "";
  child.stdout?.on("data", (bytes: Buffer) => (output += bytes.toString()));
  child.stderr?.on("data", (bytes: Buffer) => (output += bytes.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
}
