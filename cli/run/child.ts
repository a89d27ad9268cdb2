import { spawn, type ChildProcess } from "node:child_process";
import { createLineReader } from "./lines.ts";

/** First and longest wait before a child that died is started again. */
export const restartMsMin = 100;
export const restartMsMax = 5_000;

/** A child that ran this long is not one that dies at once: the wait starts from the beginning. */
const steadyMs = 10_000;

/** Exit code with which our programs say that they cannot start as they are set. */
const wrongSettingCode = 2;

/** Milliseconds that a child may take to end before it is killed. */
export const stopMsMax = 4_000;

/**
 * Kills a process once this one is gone: it reads a pipe that only we hold open. Envoy cannot watch its parent, and a
 * parent that is killed hard can tell nobody. Only builtins, so that nothing of it is left behind.
 */
const watchdogScript = 'trap "" INT TERM HUP; while read -r _; do :; done; kill -KILL "$1" 2>/dev/null';

export interface ChildOptions {
  readonly name: string;
  /** Absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Called before each start; clears away what the last one left. */
  readonly prepare?: () => void;
  readonly line?: (text: string) => void;
  readonly started: (pid: number, restarts: number) => void;
  /** It ended at its first start with the exit code for a wrong setting; it has said why, and is not started again. */
  readonly refused: () => void;
  readonly died: (how: string, restartMs: number) => void;
}

/** A program that is kept running until it is stopped. */
export class SupervisedChild {
  readonly name: string;
  restarts = 0;
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = restartMsMin;
  #isStopping = false;
  #ended: () => void = () => undefined;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    const { program, args, environment, prepare, line, started } = this.#options;
    prepare?.();
    // A session of its own: an interrupt at the terminal comes to us, and we end the children in order.
    const child = spawn(program, args, {
      env: environment,
      stdio: ["ignore", line === undefined ? "ignore" : "pipe", "inherit"],
      detached: true,
    });
    this.#process = child;
    const startedAt = performance.now();
    let isOver = false;
    const over = (how: string, code: number | null = null): void => {
      if (isOver) return;
      isOver = true;
      this.#over(how, performance.now() - startedAt, code);
    };
    child.once("error", (error) => over(error.message));
    child.once("exit", (code, signal) => over(signal === null ? `exit code ${code}` : `signal ${signal}`, code));
    if (line !== undefined) child.stdout?.setEncoding("utf8").on("data", createLineReader(line));
    if (child.pid === undefined) return;
    this.#watchdog = watch(child.pid);
    started(child.pid, this.restarts);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#process;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => (this.#ended = resolve));
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    await ended;
    clearTimeout(kill);
  }

  #over(how: string, ranMs: number, code: number | null): void {
    // First of all: the number of a process that is gone may soon be another's.
    this.#watchdog?.kill("SIGKILL");
    this.#watchdog = undefined;
    this.#process = undefined;
    this.#ended();
    if (this.#isStopping) return;
    if (code === wrongSettingCode && this.restarts === 0 && ranMs <= steadyMs) return this.#options.refused();
    if (ranMs > steadyMs) this.#waitMs = restartMsMin;
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(restartMsMax, waitMs * 2);
    this.#options.died(how, waitMs);
    this.#timer = setTimeout(() => {
      this.restarts++;
      this.start();
    }, waitMs);
  }
}

function watch(pid: number): ChildProcess {
  const watchdog = spawn("/bin/sh", ["-c", watchdogScript, "picket-watchdog", `${pid}`], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: {},
  });
  watchdog.on("error", () => undefined);
  watchdog.stdin?.on("error", () => undefined);
  return watchdog;
}
