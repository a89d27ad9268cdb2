import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeCgroup } from "./cgroups.ts";
import { endProcesses, findProcess, type ProcessId } from "./processes.ts";
import { runFolders } from "./run-folders.ts";

/** What a node changes outside of its run folder and its namespaces. */
interface NodeRemains {
  readonly cgroup: string;
  /** Values of before. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** Kubelet sets these for the whole machine. */
const touchedSysctls = [
  "vm/overcommit_memory",
  "vm/panic_on_oom",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/keys/root_maxkeys",
  "kernel/keys/root_maxbytes",
];

const file = "node.json";

/**
 * Writes down what a node is about to change, before it does. Where another node runs, the values of before are those
 * that it found.
 */
export function noteRemains(folder: string, cgroup: string): void {
  const [other] = otherNodes(folder);
  const found = touchedSysctls.map((name) => [name, readSysctl(name)] as const);
  const remains: NodeRemains = { cgroup, sysctls: other?.sysctls ?? Object.fromEntries(found) };
  writeFileSync(join(folder, file), JSON.stringify(remains));
}

/** Kills what runs in pods, removes the cgroup, and the last node puts the sysctls back. Without a node: nothing. */
export async function removeNode(folder: string): Promise<void> {
  const remains = readRemains(folder);
  if (remains === undefined) return;
  await removeCgroup(remains.cgroup);
  await endProcesses(processesOf(folder), 0);
  // Once more: a container may have been started in between.
  await removeCgroup(remains.cgroup);
  if (otherNodes(folder).length > 0) return;
  for (const [name, value] of Object.entries(remains.sysctls)) {
    if (readSysctl(name) !== value) writeFileSync(join("/proc/sys", name), value);
  }
}

function readRemains(folder: string): NodeRemains | undefined {
  const path = join(folder, file);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as NodeRemains) : undefined;
}

function otherNodes(folder: string): readonly NodeRemains[] {
  const others = runFolders().filter((one) => one !== folder);
  return others.map(readRemains).filter((remains) => remains !== undefined);
}

/** Programs of containerd that outlive it: their command lines name its socket, whose path no other run has. */
export function processesOf(folder: string): readonly ProcessId[] {
  return running((commandLine) => commandLine.includes(`${folder}/`) && commandLine.includes("containerd"));
}

function running(isWanted: (commandLine: string) => boolean): readonly ProcessId[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const wanted = pids.filter((pid) => {
    try {
      return isWanted(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    } catch {
      return false; // ended meanwhile
    }
  });
  return wanted.map((pid) => findProcess(Number(pid))).filter((found) => found !== undefined);
}

function readSysctl(name: string): string {
  return readFileSync(join("/proc/sys", name), "utf8").trim();
}
