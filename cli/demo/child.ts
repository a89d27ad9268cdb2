import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { createLineReader } from "../run/lines.ts";

/** A program that the demo started, in a process group of its own so that it can be ended with all it started. */
export interface Child {
  readonly name: string;
  /** The last that it wrote, both streams, for messages. */
  readonly words: () => string;
  /** Resolves when it has ended, with its exit code or the name of the signal. */
  readonly ended: Promise<string>;
  readonly isRunning: () => boolean;
  /** First line of standard output that the reader makes something of; rejects when the program ends before. */
  firstLine<T>(read: (line: string) => T | undefined): Promise<T>;
  stop(graceMs: number): Promise<void>;
}

/** Text kept of what a child writes. */
const wordsMax = 16_384;

export function startChild(name: string, command: string, args: readonly string[]): Child {
  const child = spawn(command, args, { detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const listeners = new Set<(line: string) => void>();
  let words = "";
  let running = true;
  const readLines = createLineReader((line) => {
    for (const listener of listeners) listener(line);
  });
  const hear = (text: string): void => {
    words = (words + text).slice(-wordsMax);
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    hear(text);
    readLines(text);
  });
  child.stderr.setEncoding("utf8").on("data", hear);
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => {
      hear(`${error.message}\n`);
      running = false;
      resolve("not started");
    });
    child.on("close", (code, signal) => {
      running = false;
      resolve(signal ?? String(code));
    });
  });
  return {
    name,
    ended,
    words: () => words.trim(),
    isRunning: () => running,
    firstLine: (read) =>
      new Promise((resolve, reject) => {
        const listener = (line: string): void => {
          const value = read(line);
          if (value === undefined) return;
          listeners.delete(listener);
          resolve(value);
        };
        listeners.add(listener);
        ended.then((how) => reject(new Error(`${name} ended (${how}): ${words.trim()}`)), reject);
      }),
    async stop(graceMs) {
      if (!running) return;
      child.stdin.end();
      signalGroup(child, "SIGTERM");
      await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
      // Whatever is left of the group, also where its leader has gone first.
      signalGroup(child, "SIGKILL");
      await ended;
    },
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the whole group has ended.
  }
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end and returns what it said; code -1 when it could not start or took too long. */
export function runToEnd(command: string, args: readonly string[], timeoutMs: number): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (stdout.length < wordsMax) stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (stderr.length < wordsMax) stderr += text;
    });
    child.on("error", (error) => resolve({ code: -1, stdout, stderr: error.message }));
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
