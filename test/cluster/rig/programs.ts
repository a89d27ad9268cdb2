import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endProcesses, findProcess, isAlive, signal, type ProcessId } from "./processes.ts";

/** What was started and how, kept in a file, so that any process can stop it, or start it again, by its name. */
interface ProgramRecord {
  readonly process: ProcessId;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The programs of one cluster: started detached, their output in one log file each. */
export interface Programs {
  start(name: string, command: readonly string[], environment?: Readonly<Record<string, string>>): ProcessId;
  /** Starts a stopped or killed program the way it was started before. */
  restart(name: string): ProcessId;
  /** Ends a program, or does nothing when it is gone. The record stays, for `restart`. */
  stop(name: string, graceMs?: number): Promise<void>;
  /** Sends a signal, such as SIGSTOP for an API server that hangs; false when the program is gone. */
  signal(name: string, name_: NodeJS.Signals): boolean;
  isAlive(name: string): boolean;
  pid(name: string): number;
  /** Last lines of its output. */
  tail(name: string, lines?: number): string;
  /** Kills what still runs, all at once. */
  killAll(): Promise<void>;
}

/** Keeps records in `FOLDER/programs` and output in `FOLDER/log`. */
export function programsIn(folder: string): Programs {
  const recordFile = (name: string): string => join(folder, "programs", `${name}.json`);
  const logFile = (name: string): string => join(folder, "log", `${name}.log`);
  const read = (name: string): ProgramRecord => JSON.parse(readFileSync(recordFile(name), "utf8")) as ProgramRecord;

  const programs: Programs = {
    start: (name, command, environment = {}) => {
      mkdirSync(join(folder, "programs"), { recursive: true });
      mkdirSync(join(folder, "log"), { recursive: true });
      const output = openSync(logFile(name), "a");
      // setpriv: when whoever started the cluster is killed, the kernel ends its programs too.
      const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
        detached: true,
        stdio: ["ignore", output, output],
        env: { ...process.env, ...environment },
      });
      closeSync(output);
      child.on("error", () => {}); // told below: there is no process
      child.unref();
      const found = child.pid === undefined ? undefined : findProcess(child.pid);
      if (found === undefined) throw new Error(`cannot start ${name}: ${command.join(" ")}\n${programs.tail(name)}`);
      const record: ProgramRecord = { process: found, command, environment };
      writeFileSync(recordFile(name), JSON.stringify(record));
      return found;
    },
    restart: (name) => {
      if (programs.isAlive(name)) throw new Error(`${name} runs already`);
      const { command, environment } = read(name);
      return programs.start(name, command, environment);
    },
    stop: async (name, graceMs = 5_000) => {
      if (existsSync(recordFile(name))) await endProcesses([read(name).process], graceMs);
    },
    signal: (name, name_) => signal(read(name).process, name_),
    isAlive: (name) => existsSync(recordFile(name)) && isAlive(read(name).process),
    pid: (name) => read(name).process.pid,
    tail: (name, lines = 20) => {
      if (!existsSync(logFile(name))) return "";
      return readFileSync(logFile(name), "utf8").trimEnd().split("\n").slice(-lines).join("\n");
    },
    killAll: async () => {
      const records = join(folder, "programs");
      if (!existsSync(records)) return;
      const names = readdirSync(records).map((file) => file.replace(/\.json$/, ""));
      await endProcesses(
        names.map((name) => read(name).process),
        0,
      );
      rmSync(records, { recursive: true, force: true });
    },
  };
  return programs;
}
