import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeCgroup } from "./cgroups.ts";
import { endProcesses, findProcess } from "./processes.ts";

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

const fileIn = (folder: string): string => join(folder, "node.json");

/** Writes down what a node is about to change, before it does. */
export function noteRemains(folder: string, cgroup: string): void {
  const entries = touchedSysctls.map((name) => [name, readSysctl(name)] as const);
  const remains: NodeRemains = { cgroup, sysctls: Object.fromEntries(entries) };
  writeFileSync(fileIn(folder), JSON.stringify(remains));
}

/** Kills what runs in pods, removes the cgroup and puts the sysctls back. Does nothing when there was no node. */
export async function removeNode(folder: string): Promise<void> {
  if (!existsSync(fileIn(folder))) return;
  const { cgroup, sysctls } = JSON.parse(readFileSync(fileIn(folder), "utf8")) as NodeRemains;
  await removeCgroup(cgroup);
  await endProcesses(processesOf(folder), 0);
  // Once more: a container may have been started in between.
  await removeCgroup(cgroup);
  for (const [name, value] of Object.entries(sysctls)) {
    if (readSysctl(name) !== value) writeFileSync(join("/proc/sys", name), value);
  }
}

/** Programs of containerd that outlive it: their command lines name its socket, whose path no other run has. */
export function processesOf(folder: string): ReturnType<typeof running> {
  return running((commandLine) => commandLine.includes(`${folder}/`) && commandLine.includes("containerd"));
}

function running(isWanted: (commandLine: string) => boolean): NonNullable<ReturnType<typeof findProcess>>[] {
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
