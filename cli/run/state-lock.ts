import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Thrown when another instance works on the same state folder. */
export class StateInUseError extends Error {
  readonly code = "state-in-use";
  readonly pid: number;

  constructor(folder: string, pid: number) {
    super(`another picket run (process ${pid}) uses the state folder ${folder}`);
    this.name = "StateInUseError";
    this.pid = pid;
  }
}

interface Holder {
  readonly pid: number;
  /** Tells the holder from a later process with the same number. */
  readonly startedAt: string;
}

/** Takes the state folder for this process. The returned function gives it back. Throws StateInUseError. */
export function lockState(folder: string): () => void {
  makeFolder(folder);
  const file = join(folder, "run.lock");
  const own: Holder = { pid: process.pid, startedAt: startOf(process.pid) ?? "" };
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(file, JSON.stringify(own), { flag: "wx", mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST") || tries > 2) throw error;
    }
    const holder = readHolder(file);
    if (holder !== undefined && isAlive(holder)) throw new StateInUseError(folder, holder.pid);
    // Left behind by a process that was killed.
    rmSync(file, { force: true });
  }
}

/** One level after the other: left to itself, Node tries for ever below a folder that takes no folders (/proc). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Somebody else made it meanwhile.
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function readHolder(file: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof value !== "object" || value === null || !("pid" in value) || !("startedAt" in value)) return undefined;
    const { pid, startedAt } = value;
    return typeof pid === "number" && typeof startedAt === "string" ? { pid, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, startedAt }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
  }
  const now = startOf(pid);
  return now === undefined || startedAt === "" || now === startedAt;
}

/** Start time of a process in ticks since boot (proc(5), field 22 of stat); undefined where the system has no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program may hold blanks and brackets; fields are counted from behind it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
