import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { recordEverything } from "./judged.ts";

const picket = fileURLToPath(new URL("../../bin/picket", import.meta.url));

/** How long Picket may take until every policy is programmed. */
const readyTimeoutMs = 60_000;
/** How long it may take to end after SIGTERM. */
const stopTimeoutMs = 15_000;
/** Lines of output kept for messages. */
const outputLinesMax = 100_000;

/** `picket run` on a folder of its own, with all the programs it started. */
export interface Stack {
  /** True when `/readyz` answers 200. */
  isReady(): Promise<boolean>;
  /** Waits for `/readyz`; throws with the last output when it does not come or the process ends. */
  waitUntilReady(): Promise<void>;
  /** Takes note of all processes that run now, so that `missing` can tell who ended. */
  noteProcesses(): void;
  /** Programs that ran when they were noted and do not run any more. */
  missing(): readonly string[];
  /** Everything printed, line by line. */
  output(): readonly string[];
  readonly stateFolder: string;
  /** Replaces a file of the policy folder, as an editor does: a new file takes the place of the old one. */
  rewrite(name: string, text: string): Promise<void>;
  stop(): Promise<void>;
}

/** Writes the files into a new folder and starts `picket run` on it. */
export async function startStack(files: Readonly<Record<string, string>>): Promise<Stack> {
  const home = await mkdtemp(path.join(tmpdir(), "picket-range-"));
  const folder = path.join(home, "policies");
  const stateFolder = path.join(home, "state");
  await mkdir(folder);
  await mkdir(stateFolder);
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(folder, name), text)));
  const [statusPort = 0] = await freePorts(1);
  const options = ["--status-address", `127.0.0.1:${statusPort}`, "--state-dir", stateFolder, "-o", "json"];
  const child = spawn(picket, ["run", folder, ...options], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...recordEverything },
  });
  const lines = collect(child);
  let noted: readonly Running[] = [];

  const isReady = async (): Promise<boolean> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${statusPort}/readyz`, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      return answer.status === 200;
    } catch {
      return false; // nobody listens there yet
    }
  };
  return {
    isReady,
    stateFolder,
    rewrite: async (name, text) => {
      const next = path.join(home, "next");
      await writeFile(next, text);
      await rename(next, path.join(folder, name));
    },
    output: () => lines,
    noteProcesses: () => {
      noted = descendants(child.pid ?? 0);
    },
    missing: () => noted.filter(({ pid, name }) => nameOf(pid) !== name).map(({ name }) => name),
    waitUntilReady: async () => {
      const deadline = performance.now() + readyTimeoutMs;
      while (!(await isReady())) {
        const ended = child.exitCode !== null || child.signalCode !== null;
        if (ended || performance.now() > deadline) {
          const why = ended ? "ended before it was ready" : `was not ready after ${readyTimeoutMs / 1_000} s`;
          throw new Error(`picket run ${why}:\n${[...lines.slice(0, 20), "…", ...lines.slice(-20)].join("\n")}`);
        }
        await sleep(100);
      }
    },
    stop: async () => {
      const ended = new Promise<void>((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) resolve();
        else child.once("exit", () => resolve());
      });
      const left = descendants(child.pid ?? 0);
      child.kill("SIGTERM");
      const inTime = await Promise.race([ended.then(() => true), sleep(stopTimeoutMs, false, { ref: false })]);
      for (const { pid, name } of left) if (nameOf(pid) === name) process.kill(pid, "SIGKILL");
      await rm(home, { recursive: true, force: true });
      if (!inTime) throw new Error(`picket run did not end within ${stopTimeoutMs / 1_000} s of SIGTERM`);
    },
  };
}

function collect(child: ChildProcess): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
      if (lines.length > outputLinesMax) lines.splice(0, lines.length - outputLinesMax);
    });
  }
  child.on("error", (error) => lines.push(String(error)));
  return lines;
}

interface Running {
  readonly pid: number;
  readonly name: string;
}

/** The process and all that it started, as Linux tells. */
function descendants(pid: number): Running[] {
  const name = nameOf(pid);
  if (name === undefined) return [];
  let children = "";
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  } catch {
    return []; // ended in between
  }
  const pids = children.split(" ").filter(Boolean).map(Number);
  return [{ pid, name }, ...pids.flatMap(descendants)];
}

/** Command line of a running process; undefined when there is none, or it has ended and only waits to be collected. */
function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() || undefined;
  } catch {
    return undefined; // no such process
  }
}

/** Ports that are free now. Held open together, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            if (address === null || typeof address === "string") reject(new Error("a port belongs to TCP"));
            else resolve(address.port);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
