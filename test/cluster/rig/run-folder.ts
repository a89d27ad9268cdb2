import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { findProcess } from "./processes.ts";
import { programsIn } from "./programs.ts";
import { removeNode } from "./node-remains.ts";
import { runFolderPrefix } from "./run-folders.ts";

/**
 * Makes the folder that holds everything of one cluster: keys, data, sockets, logs. Whoever removes it knows from it
 * what else has to go, also when the run that made it was killed.
 */
export function makeRunFolder(): string {
  const folder = mkdtempSync(runFolderPrefix);
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
    cpSync(join(folder, "log"), join(keepLogsIn, basename(folder)), {
      recursive: true,
      filter: (path) => !path.endsWith("audit.jsonl"),
    });
  }
  rmSync(folder, { recursive: true, force: true });
}
