import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../platform/clock.ts";
import { parseAddressText, printAddress } from "../platform/config.ts";
import { envoyRelease, findEnvoy } from "../platform/envoy-binary.ts";
import { createLog, type LogFormat, type LogLevel } from "../platform/log.ts";
import { stopSignal } from "../platform/shutdown.ts";
import { SupervisedChild, type ChildOptions } from "./run/child.ts";
import { envoyVersionOf } from "./run/envoy-version.ts";
import { statusAddressDefault } from "./settings.ts";
import { createFront } from "./run/front.ts";
import { printJson, printText, readOperatorEvent, type RunEvent } from "./run/run-event.ts";
import { defaultStateFolder, type RunningInstance } from "./run/state-folder.ts";
import { lockState, StateInUseError } from "./run/state-lock.ts";

export interface RunOptions {
  readonly folder: string;
  /** `host:port`; port 0 lets the system choose. */
  readonly statusAddress?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly output?: "text" | "json" | undefined;
  readonly logFormat?: LogFormat | undefined;
  readonly logLevel?: LogLevel | undefined;
  /** Worker threads of Envoy; by default one per core, at most two. */
  readonly concurrency?: number | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/** Exit codes of the command line. */
const fine = 0;
const wrongUsage = 2;

const program = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** What a child needs of the environment; nothing else of ours leaks into it. */
const passedOn = ["PATH", "HOME", "LANG", "TMPDIR", "PICKET_RECORD_VIEWS", "PICKET_DECISIONS", "PICKET_KEYS_CA"];

/**
 * `picket run DIR`: operator, scorer and Envoy for one folder on this machine, until a signal comes. Gives the exit
 * code. None of the three outlives this process.
 */
export async function run(options: RunOptions): Promise<number> {
  const environment = options.environment ?? process.env;
  const folder = resolve(options.folder);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return refuse(`${options.folder} is no folder`, "picket run DIR, where DIR holds the policies as YAML files");
  }
  const statusText = options.statusAddress ?? statusAddressDefault;
  const status = parseAddressText(statusText);
  if (status === undefined || status.path !== "")
    return refuse(`${statusText} is no host:port`, "--status-address 127.0.0.1:15021");
  const envoy = findEnvoy(environment);
  if (envoy !== undefined && !existsSync(envoy))
    return refuse(`PICKET_ENVOY names ${envoy}, which is not there`, "unset it, or name an Envoy");
  if (envoy === undefined) return refuse("Envoy is not there", "make setup, or set PICKET_ENVOY to its path");
  const version = envoyVersionOf(envoy, environment);
  if (version === undefined)
    return refuse(`${envoy} does not say its version as Envoy does`, "unset PICKET_ENVOY, or name an Envoy");
  if (version !== envoyRelease.version) {
    const words = `${envoy} is Envoy ${version}; Picket is tested with ${envoyRelease.version} only`;
    process.stderr.write(`warning: ${words}\n`);
  }
  const state = resolve(options.stateDir ?? defaultStateFolder(folder, environment));

  let unlock: () => void;
  try {
    unlock = lockState(state);
  } catch (error) {
    if (error instanceof StateInUseError) return refuse(error.message, "stop it, or give another --state-dir");
    return refuse(
      `the state folder ${state} cannot be written: ${String(error)}`,
      "--state-dir with a folder of yours",
    );
  }
  clearLeftovers(state);
  // Paths of sockets are short by law (108 bytes), so they cannot lie in the state folder.
  const sockets = mkdtempSync(join(tmpdir(), "picket-"));
  const instance = new Instance({ ...options, folder, state, sockets, envoy, environment });
  try {
    const front = createFront({
      operator: instance.socket("operator"),
      scorer: instance.socket("scorer-status"),
      run: { pid: process.pid, folder, stateDir: state },
    });
    const statusAddress = await front.start(status);
    const log = createLog({
      level: options.logLevel ?? "warn",
      format: options.logFormat ?? "text",
      clock: systemClock,
      write: (line) => process.stderr.write(line),
    }).with({ program: "run" });
    const stopping = stopSignal(log);
    const code = await instance.run(printAddress(statusAddress), stopping);
    await front.stop();
    return code;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "EADDRINUSE" || error.code === "EACCES")) {
      return refuse(`${statusText} cannot be listened on (${error.code})`, "--status-address with a free port");
    }
    throw error;
  } finally {
    rmSync(sockets, { recursive: true, force: true });
    unlock();
  }
}

/** An instance that was killed could not take its sockets away. */
function clearLeftovers(state: string): void {
  try {
    const left: unknown = JSON.parse(readFileSync(join(state, "run.json"), "utf8"));
    const folder = dirname((left as RunningInstance).sockets.ads ?? "");
    if (dirname(folder) === tmpdir() && basename(folder).startsWith("picket-"))
      rmSync(folder, { recursive: true, force: true });
  } catch {
    // Nothing was left, as it should be.
  }
}

function refuse(message: string, advice: string): number {
  process.stderr.write(`error: ${message}\ntry:   ${advice}\n`);
  return wrongUsage;
}

interface InstanceOptions extends RunOptions {
  readonly state: string;
  readonly sockets: string;
  readonly envoy: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** The three programs and what is told about them. */
class Instance {
  readonly #options: InstanceOptions;
  readonly #children: readonly SupervisedChild[];
  readonly #envoy: SupervisedChild;
  #statusAddress = "";
  #hasEnvoy = false;
  #isStopping = false;
  /** A child cannot start as it is set. */
  readonly #refused = new AbortController();

  constructor(options: InstanceOptions) {
    this.#options = options;
    const { state, sockets, folder, environment, envoy } = options;
    const common = {
      ...Object.fromEntries(passedOn.flatMap((name) => (environment[name] ? [[name, environment[name]]] : []))),
      PICKET_LOG_LEVEL: options.logLevel ?? "warn",
      PICKET_LOG_FORMAT: options.logFormat ?? "text",
      PICKET_OPERATOR: `unix:${this.socket("ads")}`,
      PICKET_SCORER: `unix:${this.socket("scorer")}`,
    };
    const node = ["--disable-warning=ExperimentalWarning"];
    const bootstrap = join(sockets, "envoy.pb");
    const operator = this.#child({
      name: "operator",
      program: process.execPath,
      args: [...node, program("operator/main.ts")],
      environment: {
        ...common,
        PICKET_POLICIES: folder,
        PICKET_STATE: state,
        PICKET_OPERATOR_LISTEN: `unix:${this.socket("ads")}`,
        PICKET_OPERATOR_STATUS: `unix:${this.socket("operator")}`,
        PICKET_PROXY_BOOTSTRAP: bootstrap,
        PICKET_PROXY_ADMIN: `unix:${this.socket("envoy")}`,
        PICKET_OPERATOR_EVENTS: "stdout",
      },
      prepare: () => this.#clear("ads", "operator"),
      line: (line) => this.#told(line),
    });
    const scorer = this.#child({
      name: "scorer",
      program: process.execPath,
      args: [...node, program("sidecar/main.ts")],
      environment: {
        ...common,
        PICKET_SCORER_LISTEN: `unix:${this.socket("scorer")}`,
        PICKET_SCORER_STATUS: `unix:${this.socket("scorer-status")}`,
        PICKET_DECISION_LOG: join(state, "decisions.jsonl"),
        PICKET_HASH_KEY_FILE: this.#hashKey(),
      },
      prepare: () => this.#clear("scorer", "scorer-status"),
    });
    const concurrency = options.concurrency ?? Math.min(2, availableParallelism());
    this.#envoy = this.#child({
      name: "envoy",
      program: envoy,
      args: [
        "--disable-hot-restart",
        "--config-path",
        bootstrap,
        "--concurrency",
        `${concurrency}`,
        "--log-level",
        "error",
        "--drain-strategy",
        "immediate",
        "--drain-time-s",
        "1",
      ],
      environment: common,
      prepare: () => this.#clear("envoy"),
    });
    this.#children = [operator, scorer, this.#envoy];
  }

  socket(name: string): string {
    return join(this.#options.sockets, `${name}.sock`);
  }

  async run(statusAddress: string, stopping: AbortSignal): Promise<number> {
    const { folder, state } = this.#options;
    this.#statusAddress = statusAddress;
    this.#tell({ event: "started", folder, status: statusAddress, state });
    for (const child of this.#children) if (child !== this.#envoy) child.start();
    const over = AbortSignal.any([stopping, this.#refused.signal]);
    if (!over.aborted) {
      await new Promise<void>((resolve) => over.addEventListener("abort", () => resolve(), { once: true }));
    }
    this.#isStopping = true;
    // Envoy first: nobody is let in while those who judge are going away.
    for (const child of this.#children.toReversed()) await child.stop();
    rmSync(join(state, "run.json"), { force: true });
    this.#tell({ event: "stopped" });
    return this.#refused.signal.aborted ? wrongUsage : fine;
  }

  #child(options: Omit<ChildOptions, "started" | "died" | "refused">): SupervisedChild {
    const child: SupervisedChild = new SupervisedChild({
      ...options,
      started: (pid, restarts) => {
        this.#describe();
        if (restarts === 0) this.#tell({ event: "child-started", child: options.name, pid });
        else this.#tell({ event: "child-restarted", child: options.name, pid, restarts });
      },
      refused: () => {
        refuse(`the ${options.name} cannot start as it is set`, "mend the setting named above");
        this.#refused.abort();
      },
      died: (how, restartMs) => this.#tell({ event: "child-died", child: options.name, how, restartMs }),
    });
    return child;
  }

  #told(line: string): void {
    const event = readOperatorEvent(line);
    if (event === undefined || this.#isStopping) return;
    if (event.event !== "operator-started") return this.#tell(event);
    if (this.#hasEnvoy) return;
    this.#hasEnvoy = true;
    this.#envoy.start();
  }

  #tell(event: RunEvent): void {
    process.stdout.write(this.#options.output === "json" ? printJson(event, new Date()) : printText(event));
  }

  /** `run.json`, by which `picket status` and `picket explain` find this instance. */
  #describe(): void {
    const { folder, state } = this.#options;
    const names = ["ads", "operator", "scorer", "scorer-status", "envoy"];
    const instance: RunningInstance = {
      pid: process.pid,
      folder,
      statusAddress: this.#statusAddress,
      sockets: Object.fromEntries(names.map((name) => [name, this.socket(name)])),
      children: Object.fromEntries(this.#children.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]]))),
    };
    const file = join(state, "run.json");
    writeFileSync(`${file}.new`, `${JSON.stringify(instance, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** A socket that a killed process left behind cannot be listened on again. */
  #clear(...names: readonly string[]): void {
    for (const name of names) rmSync(this.socket(name), { force: true });
  }

  /** One key for each state folder, so that a principal has the same hash before and after a restart. */
  #hashKey(): string {
    const file = join(this.#options.state, "hash.key");
    if (!existsSync(file)) writeFileSync(file, randomBytes(32), { mode: 0o600, flush: true });
    return file;
  }
}
