import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { poll } from "./poll.ts";
import { endProcesses, findProcess, type ProcessId } from "./processes.ts";
import { Unavailable } from "./unavailable.ts";

const mountPoint = "/sys/fs/cgroup";
/** Controllers that the containers of a node are held by, where there is one tree for all (cgroup v2). */
const controllers = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];

/** Makes a cgroup of this name below the root of every hierarchy. Everything that runs in a pod is in it. */
export function makeCgroup(name: string): void {
  try {
    for (const hierarchy of hierarchies()) {
      mkdirSync(join(hierarchy, name));
      if (isUnified(hierarchy)) enableControllers(hierarchy, name);
      // Version 1: without these no process can enter.
      for (const file of ["cpuset.mems", "cpuset.cpus"]) {
        const from = join(hierarchy, file);
        if (!isUnified(hierarchy) && existsSync(from)) writeFileSync(join(hierarchy, name, file), readFileSync(from));
      }
    }
  } catch (error) {
    throw new Unavailable(`no cgroup may be made here: ${String(error)}`);
  }
}

const removeTimeoutMs = 20_000;

/** Kills everything in the cgroup, and removes it. Nothing happens when there is none. */
export async function removeCgroup(name: string): Promise<void> {
  const roots = hierarchies().map((hierarchy) => join(hierarchy, name));
  // What was killed leaves its group a moment later, and containerd removes groups at the same time.
  const removed = async (): Promise<boolean> => {
    await endProcesses(processesIn(roots), 0);
    for (const root of roots) for (const folder of foldersIn(root).toReversed()) removeFolder(folder);
    return !cgroupExists(name);
  };
  await poll(removed, { timeoutMs: removeTimeoutMs, what: `the end of the cgroup ${name}`, intervalMs: 20 });
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** True when a hierarchy has the cgroup. */
export function cgroupExists(name: string): boolean {
  return hierarchies().some((hierarchy) => existsSync(join(hierarchy, name)));
}

function hierarchies(): readonly string[] {
  if (!existsSync(mountPoint)) return [];
  if (isUnified(mountPoint)) return [mountPoint];
  // Links, such as cpu to cpu,cpuacct, are not folders.
  const folders = readdirSync(mountPoint, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => join(mountPoint, name)).filter((path) => existsSync(join(path, "cgroup.procs")));
}

function isUnified(hierarchy: string): boolean {
  return existsSync(join(hierarchy, "cgroup.controllers"));
}

function enableControllers(hierarchy: string, name: string): void {
  const offered = readFileSync(join(hierarchy, "cgroup.controllers"), "utf8").trim().split(" ");
  const wanted = controllers.filter((one) => offered.includes(one)).map((one) => `+${one}`);
  for (const folder of [hierarchy, join(hierarchy, name)]) {
    writeFileSync(join(folder, "cgroup.subtree_control"), wanted.join(" "));
  }
}

/** The folder and all below it, parents first; none when it is gone. */
function foldersIn(root: string): readonly string[] {
  try {
    const children = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [root, ...children.flatMap(({ name }) => foldersIn(join(root, name)))];
  } catch {
    return [];
  }
}

function processesIn(roots: readonly string[]): readonly ProcessId[] {
  const pids = roots.flatMap(foldersIn).flatMap((folder) => {
    try {
      return readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
    } catch {
      return []; // removed meanwhile
    }
  });
  return [...new Set(pids)].map(findProcess).filter((found) => found !== undefined);
}
