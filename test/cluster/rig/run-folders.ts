import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { isAlive, type ProcessId } from "./processes.ts";

/** What the paths of run folders begin with; the rest is random. */
export const runFolderPrefix = join(tmpdir(), "picket-cluster-");

/** Folders of all clusters on this machine, also of those that are just being made. */
export function runFolders(): readonly string[] {
  const folder = dirname(runFolderPrefix);
  const names = readdirSync(folder).filter((name) => name.startsWith(basename(runFolderPrefix)));
  return names.map((name) => join(folder, name)).filter(isOurs);
}

/** What somebody else put into a folder for all must not tell us what to kill or to change. */
function isOurs(folder: string): boolean {
  const facts = lstatSync(folder, { throwIfNoEntry: false });
  return facts !== undefined && facts.isDirectory() && facts.uid === process.getuid?.();
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
