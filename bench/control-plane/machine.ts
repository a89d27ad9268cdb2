import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Ticks of the kernel's clock in a second, on every Linux of today. */
const ticksPerSecond = 100;

/** What a process has used, from /proc. */
export interface ProcessUse {
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  /** The most that it ever had. */
  readonly peakMiB: number;
}

export function useOf(pid: number): ProcessUse {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return { cpuSeconds: cpuOf(pid), rssMiB: kilobytes("VmRSS") / 1024, peakMiB: kilobytes("VmHWM") / 1024 };
}

/** Programs of others on the machine, as cores that they kept busy between two moments. */
export class ForeignLoad {
  #machine = busySeconds();
  #own = ownSeconds();
  #at = performance.now();

  /** Cores in use by others since the last look. */
  look(): number {
    const machine = busySeconds();
    const own = ownSeconds();
    const at = performance.now();
    const cores = (machine - this.#machine - Math.max(0, own - this.#own)) / ((at - this.#at) / 1000);
    this.#machine = machine;
    this.#own = own;
    this.#at = at;
    return Math.max(0, cores);
  }
}

export function machineOf(): string {
  const load = readFileSync("/proc/loadavg", "utf8").split(" ", 3).join(" ");
  return `${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}), load ${load}`;
}

function busySeconds(): number {
  const [, ...fields] = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields.map(Number);
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}

/** This process and all that it started. */
function ownSeconds(): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? Number(fieldsOf(pid)?.[1]) : Number.NaN;
    if (Number.isNaN(parent)) continue;
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const sum = (pid: number): number =>
    (children.get(pid) ?? []).reduce((total, child) => total + sum(child), cpuOf(pid));
  return sum(process.pid);
}

function cpuOf(pid: number): number {
  const fields = fieldsOf(pid);
  return fields === undefined ? 0 : (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Fields of /proc/PID/stat from the state on: its name may hold blanks. Undefined for a process that is gone. */
function fieldsOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
