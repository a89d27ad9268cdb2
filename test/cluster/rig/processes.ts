import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process that cannot be mixed up with a later one of the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Start time in clock ticks since boot, as `/proc/PID/stat` has it. */
  readonly started: string;
}

/** The process of this number that runs now. Undefined when there is none, or only its exit code is left. */
export function findProcess(pid: number): ProcessId | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything; after it come the state and 18 fields before the start time.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "Z"] = fields;
  const started = fields[19];
  return started === undefined || state === "Z" || state === "X" ? undefined : { pid, started };
}

export function isAlive({ pid, started }: ProcessId): boolean {
  return findProcess(pid)?.started === started;
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(process_: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(process_)) return false;
  try {
    return process.kill(process_.pid, name);
  } catch {
    return false;
  }
}

/** How long a process may take to vanish after SIGKILL. */
const killTimeoutMs = 10_000;

/** Ends processes: SIGTERM and a grace, then SIGKILL; a grace of 0 kills at once. Resolves when all are gone. */
export async function endProcesses(processes: readonly ProcessId[], graceMs: number): Promise<void> {
  let left: readonly ProcessId[] = processes.filter((one) => signal(one, graceMs > 0 ? "SIGTERM" : "SIGKILL"));
  left = await leftAfter(left, graceMs);
  for (const one of left) signal(one, "SIGKILL");
  left = await leftAfter(left, killTimeoutMs);
  if (left.length > 0) throw new Error(`processes ${left.map(({ pid }) => pid).join(", ")} outlive SIGKILL`);
}

async function leftAfter(processes: readonly ProcessId[], limitMs: number): Promise<readonly ProcessId[]> {
  const deadline = performance.now() + limitMs;
  let left: readonly ProcessId[] = processes.filter(isAlive);
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(20);
    left = left.filter(isAlive);
  }
  return left;
}
