import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProcess, isAlive, type ProcessId } from "./processes.ts";
import { programsIn } from "./programs.ts";
import { removeNode } from "./node-remains.ts";

const prefix = "picket-cluster-";

/**
 * Makes the folder that holds everything of one cluster: keys, data, sockets, logs. Whoever removes it knows from it
 * what else has to go, also when the run that made it was killed.
 */
export function makeRunFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const owner = findProcess(process.pid);
  writeFileSync(join(folder, "owner.json"), JSON.stringify(owner));
  mkdirSync(join(folder, "log"));
  return folder;
}

/** Ends everything that runs out of the folder, and removes it. Safe to run again, and on a half-made cluster. */
export async function removeRunFolder(folder: string, keepLogsIn?: string): Promise<void> {
  const programs = programsIn(folder);
  // First, else it starts containers again while they are removed.
  await programs.stop("kubelet", 0);
  await removeNode(folder);
  await programs.killAll();
  if (keepLogsIn !== undefined && existsSync(join(folder, "log"))) {
    rmSync(keepLogsIn, { recursive: true, force: true });
    cpSync(join(folder, "log"), keepLogsIn, { recursive: true, filter: (path) => !path.endsWith("audit.jsonl") });
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Folders of runs that ended without cleaning up. */
export function abandonedRunFolders(): readonly string[] {
  return runFolders().filter((folder) => !isOwned(folder));
}

/** Folders of all clusters on this machine, also of those that are just being made. */
export function runFolders(): readonly string[] {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith(prefix));
  return names.map((name) => join(tmpdir(), name));
}

function isOwned(folder: string): boolean {
  try {
    return isAlive(JSON.parse(readFileSync(join(folder, "owner.json"), "utf8")) as ProcessId);
  } catch {
    return !existsSync(join(folder, "log")); // just being made
  }
}
