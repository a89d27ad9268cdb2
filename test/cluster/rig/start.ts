import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { startControlPlane } from "./control-plane.ts";
import { ensureImages, type ImageArchive } from "./images.ts";
import { isolate, requireIsolation } from "./isolation.ts";
import { ensureKube, kubePrograms } from "./kube-build.ts";
import { takeLock } from "./lock.ts";
import { importImage, startContainerd, startNode } from "./node.ts";
import { freePort } from "./ports.ts";
import { programsIn } from "./programs.ts";
import { abandonedRunFolders, makeRunFolder, removeRunFolder } from "./run-folder.ts";
import { writeState, type ClusterState } from "./state.ts";
import { ensureNodePackages, ensureTools } from "./tools.ts";

export interface StartOptions {
  readonly node: boolean;
  readonly say: (line: string) => void;
}

export interface RunningCluster {
  readonly state: ClusterState;
  /** Ends everything; the logs go to `$PICKET_CLUSTER_LOGS` when that is set. */
  readonly stop: () => Promise<void>;
}

/** In a network namespace of its own every port is free. */
const isolatedPorts = { apiPort: 6_443, etcdPort: 2_379 };
/** One node at a time: kubelet has settings of the whole machine. Another run may take this long. */
const nodeLockTimeoutMs = 60 * 60_000;

const cleanTimeoutMs = 120_000;

/** Starts a cluster. It ends with this process at the latest; what that leaves is removed by the next start. */
export async function startFresh({ node, say }: StartOptions): Promise<RunningCluster> {
  const parts = await prepare({ node, say });
  const onWait = (): void => say("another run has the node of this machine; waiting for it");
  const lock = node ? await takeLock("node", { timeoutMs: nodeLockTimeoutMs, onWait }) : undefined;
  await removeAbandoned(say);
  const folder = makeRunFolder();
  const stop = async (): Promise<void> => {
    await removeRunFolder(folder, process.env.PICKET_CLUSTER_LOGS || undefined);
    await lock?.release();
  };
  try {
    return { state: await (node ? startWithNode : startOnLoopback)(folder, parts, say), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a cluster is made of, fetched and built. */
export interface Parts {
  readonly kube: string;
  readonly tools: string;
  readonly images: readonly ImageArchive[];
}

/** Gets everything ready that is kept from run to run. Throws Unavailable where there can be no such cluster. */
export async function prepare({ node, say }: StartOptions): Promise<Parts> {
  if (node) await requireIsolation();
  const tools = await ensureTools(process.env, say);
  if (node) await ensureNodePackages(say);
  const kube = await ensureKube(process.env, say);
  const images = node ? await ensureImages(process.env) : [];
  return { kube, tools, images };
}

async function startOnLoopback(folder: string, parts: Parts, say: (line: string) => void): Promise<ClusterState> {
  const bin = linkPrograms(folder, parts);
  const [apiPort, etcdPort] = [await freePort(), await freePort()];
  const since = stopwatch();
  await startControlPlane({ folder, programs: programsIn(folder), bin, apiPort, etcdPort, enter: [] });
  say(`control plane ready in ${since()} s`);
  const state: ClusterState = { folder, apiPort, hasNode: false };
  writeState(state);
  return state;
}

async function startWithNode(folder: string, parts: Parts, say: (line: string) => void): Promise<ClusterState> {
  const bin = linkPrograms(folder, parts);
  const programs = programsIn(folder);
  const since = stopwatch();
  const isolation = await isolate(programs);
  const options = { folder, programs, bin, isolation, ...isolatedPorts };
  const importImages = async (): Promise<void> => {
    await startContainerd(options);
    for (const { file } of parts.images) await importImage(folder, file);
  };
  await Promise.all([startControlPlane({ ...options, enter: isolation.enter }), importImages()]);
  say(`control plane ready, ${parts.images.length} images imported in ${since()} s`);
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
export async function removeAbandoned(say: (line: string) => void): Promise<void> {
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
