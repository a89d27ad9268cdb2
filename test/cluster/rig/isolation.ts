import { readlinkSync } from "node:fs";
import { runCommand, succeed } from "./command.ts";
import { network } from "./control-plane.ts";
import { poll } from "./poll.ts";
import type { Programs } from "./programs.ts";
import { runFolderPrefix } from "./run-folders.ts";
import { Unavailable } from "./unavailable.ts";

/**
 * Network and mount namespaces of a cluster, held open by a process that sleeps. There is no way out of the network:
 * nothing that a pod or a test does there reaches the machine or beyond. Mounts made inside are not seen outside, and
 * both are gone when the last process inside is.
 */
export interface Isolation {
  readonly holderPid: number;
  /** Words before a command of the node: network and mounts. */
  readonly enter: readonly string[];
}

/** Where the system's programs keep state of their own; ours must not mix with it. */
const hiddenFolders = ["/run", "/var/lib", "/var/log"];

export async function isolate(programs: Programs): Promise<Isolation> {
  const sleeping = ["unshare", "--net", "--mount", "--propagation", "slave", "sleep", "infinity"];
  const { pid } = programs.start("isolation", sleeping);
  const outside = readlinkSync("/proc/self/ns/mnt");
  await poll(() => programs.isAlive("isolation") && readlinkSync(`/proc/${pid}/ns/mnt`) !== outside, {
    timeoutMs: 10_000,
    what: `a new namespace (${programs.tail("isolation")})`,
    intervalMs: 10,
  });
  const enter = ["nsenter", `--net=/proc/${pid}/ns/net`, `--mount=/proc/${pid}/ns/mnt`, "--"];
  const inside = async (...command: string[]): Promise<string> => succeed([...enter, ...command]);
  for (const folder of hiddenFolders) await inside("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder);
  await inside("ip", "link", "set", "lo", "up");
  // Some kernels have no dummy devices, and all have bridges.
  await inside("ip", "link", "add", "picket0", "type", "bridge");
  await inside("ip", "address", "add", `${network.nodeIp}/32`, "dev", "picket0");
  await inside("ip", "link", "set", "picket0", "up");
  await inside("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward");
  // Kubelet and API server look for a default route. Through a bridge without ports it leads nowhere.
  await inside("ip", "route", "add", "default", "dev", "picket0");
  return { holderPid: pid, enter };
}

/** Words before a command that has to reach pods and Services from this process; none when it is inside already. */
export function enterNetwork(holderPid: number | undefined): readonly string[] {
  if (holderPid === undefined || isInside(holderPid)) return [];
  return ["nsenter", `--net=/proc/${holderPid}/ns/net`, "--"];
}

function isInside(holderPid: number): boolean {
  return readlinkSync(`/proc/${holderPid}/ns/net`) === readlinkSync("/proc/self/ns/net");
}

/** Throws Unavailable where this process may not make namespaces. */
export async function requireIsolation(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Unavailable("a node needs root");
  const hiding = hiddenFolders.find((folder) => runFolderPrefix.startsWith(`${folder}/`));
  if (hiding !== undefined) throw new Unavailable(`a node cannot lie in ${hiding}; set TMPDIR to another folder`);
  const tried = await runCommand(["unshare", "--net", "--mount", "true"]);
  if (tried.code !== 0) throw new Unavailable(`no new namespaces may be made here: ${tried.stderr.trim()}`);
}
