import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { isAlive, type ProcessId } from "./processes.ts";

/** What the paths of run folders begin with; the rest is random. */
export const runFolderPrefix = join(tmpdir(), "picket-cluster-");

/** Folders of all clusters on this machine, also of those that are just being made. */
export function runFolders(): readonly string[] {
  const folder = dirname(runFolderPrefix);
  const names = readdirSync(folder).filter((name) => name.startsWith(basename(runFolderPrefix)));
  return names.map((name) => join(folder, name));
}

/** Folders of runs that ended without cleaning up. */
export function abandonedRunFolders(): readonly string[] {
  return runFolders().filter((folder) => !isOwned(folder));
}

function isOwned(folder: string): boolean {
  try {
    return isAlive(JSON.parse(readFileSync(join(folder, "owner.json"), "utf8")) as ProcessId);
  } catch {
    return !existsSync(join(folder, "log")); // just being made
  }
}
