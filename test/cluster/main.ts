/**
 * A real Kubernetes cluster for tests.
 *
 *   node test/cluster/main.ts packages                     install the packages of Debian that a node needs, as root
 *   node test/cluster/main.ts prepare                      fetch, build and pack what clusters are made of
 *   node test/cluster/main.ts run [--no-node] COMMAND…     run a command, such as `mocha FILE`, in a new cluster
 *   node test/cluster/main.ts up [--no-node]               start one and keep it until Ctrl-C
 *   node test/cluster/main.ts exec COMMAND…                run a command in the one that is up
 *   node test/cluster/main.ts clean                        remove what killed runs left
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { enterNetwork } from "./rig/isolation.ts";
import { prepareControlPlane, prepareNode, removeAbandoned, startFresh } from "./rig/start.ts";
import { runningClusters, type ClusterState } from "./rig/state.ts";
import { ensureNodePackages } from "./rig/tools.ts";
import { Unavailable } from "./rig/unavailable.ts";

/** Exit code when there can be no cluster here. */
const unavailableCode = 3;

const say = (line: string): void => void process.stderr.write(`cluster: ${line}\n`);

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  say(error instanceof Unavailable ? error.message : String(error instanceof Error ? error.stack : error));
  return error instanceof Unavailable ? unavailableCode : 1;
});

async function main([verb, ...rest]: readonly string[]): Promise<number> {
  const node = rest[0] !== "--no-node";
  const command = node ? rest : rest.slice(1);
  switch (verb) {
    case "prepare":
      return prepareAll();
    case "packages":
      return packages();
    case "run":
      return run(command, node);
    case "exec":
      return exec(rest);
    case "up":
      return up(node);
    case "clean":
      await removeAbandoned(say);
      return 0;
    default:
      say("say one of: packages, prepare, run COMMAND…, up, exec COMMAND…, clean");
      return 2;
  }
}

/** Says on standard output, as JSON, which of `control plane` and `cluster` cannot be had here, and why. */
async function prepareAll(): Promise<number> {
  const missing: Record<string, string> = {};
  for (const [name, prepareOne] of [
    ["control plane", prepareControlPlane],
    ["cluster", prepareNode],
  ] as const) {
    try {
      await prepareOne(say);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      missing[name] = error.message;
    }
  }
  process.stdout.write(`${JSON.stringify(missing)}\n`);
  return 0;
}

/** Installs the packages of a node where that can be; it does not matter here where it cannot. */
async function packages(): Promise<number> {
  if (process.getuid?.() === 0) await ensureNodePackages(say).catch((error: unknown) => say(String(error)));
  return 0;
}

/** Runs the command in a new cluster; its exit code is the answer. Being told to stop ends the command first. */
async function run(command: readonly string[], node: boolean): Promise<number> {
  const stopping = stopSignal();
  const { state, stop } = await startFresh({ node, say });
  try {
    return stopping.aborted ? 1 : await runIn(state, command, stopping);
  } finally {
    await stop();
  }
}

/** Runs the command in the cluster that `up` keeps. */
async function exec(command: readonly string[]): Promise<number> {
  const states = runningClusters();
  const state = states.find(({ folder }) => folder === process.env.PICKET_CLUSTER) ?? states[0];
  if (state === undefined) throw new Error("no cluster is up; start one with `node test/cluster/main.ts up`");
  if (states.length > 1) say(`using ${state.folder}`);
  return runIn(state, command, stopSignal());
}

async function runIn(state: ClusterState, command: readonly string[], stopping: AbortSignal): Promise<number> {
  // setpriv: the command must not outlive a run that is killed.
  const words = ["--pdeathsig", "KILL", "--", ...enterNetwork(state.holderPid), ...command];
  const child = spawn("setpriv", words, {
    stdio: "inherit",
    env: {
      ...process.env,
      PICKET_CLUSTER: state.folder,
      KUBECONFIG: join(state.folder, "admin.kubeconfig"),
      PATH: `${join(state.folder, "bin")}:${process.env.PATH ?? ""}`,
    },
  });
  stopping.addEventListener("abort", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

async function up(node: boolean): Promise<number> {
  const stopping = stopSignal();
  const { stop } = await startFresh({ node, say });
  say("use it with: node test/cluster/main.ts exec kubectl get all, or exec mocha FILE; Ctrl-C ends it");
  await new Promise<void>((resolve) => {
    if (stopping.aborted) return resolve();
    const alive = setInterval(() => {}, 1 << 30);
    stopping.addEventListener("abort", () => {
      clearInterval(alive);
      resolve();
    });
  });
  await stop();
  return 0;
}

/** Fires once at SIGINT or SIGTERM; after the first, further ones are ignored so that the cleaning is not cut short. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => controller.abort());
  return controller.signal;
}
