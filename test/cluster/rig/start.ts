import { mkdirSync, statfsSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "./control-plane.ts";
import { ensureImages, ensureTestImages } from "./images.ts";
import { isolate, requireIsolation } from "./isolation.ts";
import { ensureKube, kubePrograms } from "./kube-build.ts";
import { takeLock } from "./lock.ts";
import { importImage, startContainerd, startNode } from "./node.ts";
import { freePort } from "./ports.ts";
import { programsIn } from "./programs.ts";
import { makeRunFolder, removeRunFolder } from "./run-folder.ts";
import { abandonedRunFolders } from "./run-folders.ts";
import { writeState, type ClusterState } from "./state.ts";
import { ensureNodePackages, ensureTools } from "./tools.ts";
import { Unavailable } from "./unavailable.ts";

export interface StartOptions {
  readonly node: boolean;
  readonly say: Say;
}

export interface RunningCluster {
  readonly state: ClusterState;
  /** Ends everything; the logs go to `$PICKET_CLUSTER_LOGS` when that is set. */
  readonly stop: () => Promise<void>;
}

/** In a network namespace of its own every port is free. */
const isolatedPorts = { apiPort: 6_443, etcdPort: 2_379 };
const cleanTimeoutMs = 120_000;

/** Starts a cluster. It ends with this process at the latest; what that leaves is removed by the next start. */
export async function startFresh({ node, say }: StartOptions): Promise<RunningCluster> {
  const parts = await (node ? prepareNode(say) : prepareControlPlane(say));
  await removeAbandoned(say);
  const folder = makeRunFolder();
  const stop = async (): Promise<void> => removeRunFolder(folder, process.env.PICKET_CLUSTER_LOGS || undefined);
  try {
    return { state: await (node ? startWithNode : startOnLoopback)(folder, parts, say), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The folder of each program. */
interface Parts {
  readonly kube: string;
  readonly tools: string;
}

type Say = (line: string) => void;

/** Fetches and builds what is kept from run to run. Throws Unavailable where there can be no control plane. */
export async function prepareControlPlane(say: Say): Promise<Parts> {
  const tools = await ensureTools(process.env, say);
  return { kube: await ensureKube(process.env, say), tools };
}

/** The same for a node. */
export async function prepareNode(say: Say): Promise<Parts> {
  await requireIsolation();
  requireSpace();
  await ensureNodePackages(say);
  await ensureTestImages(process.env);
  return prepareControlPlane(say);
}

/** Images, packed and unpacked, and what pods write. */
const spaceBytes = 3e9;

function requireSpace(): void {
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bavail * bsize >= spaceBytes) return;
  throw new Unavailable(`a node needs ${spaceBytes / 1e9} GB in ${tmpdir()}; set TMPDIR to a folder with more space`);
}

async function startOnLoopback(folder: string, parts: Parts, say: Say): Promise<ClusterState> {
  const bin = linkPrograms(folder, parts);
  const [apiPort, etcdPort] = [await freePort(), await freePort()];
  const since = stopwatch();
  await startControlPlane({ folder, programs: programsIn(folder), bin, apiPort, etcdPort, enter: [] });
  say(`control plane ready in ${since()} s`);
  const state: ClusterState = { folder, apiPort, hasNode: false };
  writeState(state);
  return state;
}

async function startWithNode(folder: string, parts: Parts, say: Say): Promise<ClusterState> {
  const bin = linkPrograms(folder, parts);
  const programs = programsIn(folder);
  const since = stopwatch();
  const archive = await ensureImages(process.env);
  say(`images ready in ${since()} s`);
  const isolation = await isolate(programs);
  const options = { folder, programs, bin, isolation, ...isolatedPorts };
  const importImages = async (): Promise<void> => {
    await startContainerd(options);
    await importImage(folder, archive);
  };
  await Promise.all([startControlPlane({ ...options, enter: isolation.enter }), importImages()]);
  say(`control plane and images ready in ${since()} s`);
  await startNode(options);
  say(`node ready in ${since()} s`);
  const state: ClusterState = {
    folder,
    apiPort: isolatedPorts.apiPort,
    hasNode: true,
    holderPid: isolation.holderPid,
  };
  writeState(state);
  return state;
}

function stopwatch(): () => string {
  const startedMs = performance.now();
  return () => ((performance.now() - startedMs) / 1_000).toFixed(1);
}

/** Removes what killed runs left. */
export async function removeAbandoned(say: Say): Promise<void> {
  // Two that remove the same would trip over each other.
  const lock = await takeLock("clean", { timeoutMs: cleanTimeoutMs, onWait: () => {} });
  try {
    for (const folder of abandonedRunFolders()) {
      say(`removing what a killed run left in ${folder}`);
      await removeRunFolder(folder);
    }
  } finally {
    await lock.release();
  }
}

function linkPrograms(folder: string, { kube, tools }: Parts): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const name of kubePrograms) symlinkSync(kube, join(bin, name));
  for (const name of ["kubectl", "helm"]) symlinkSync(join(tools, name), join(bin, name));
  return bin;
}
