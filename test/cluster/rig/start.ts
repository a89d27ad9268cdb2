import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { startControlPlane } from "./control-plane.ts";
import { ensureKube, kubePrograms } from "./kube-build.ts";
import { freePort } from "./ports.ts";
import { programsIn } from "./programs.ts";
import { abandonedRunFolders, makeRunFolder, removeRunFolder } from "./run-folder.ts";
import { writeState, type ClusterState } from "./state.ts";
import { ensureTools } from "./tools.ts";

export interface StartOptions {
  readonly node: boolean;
  readonly say: (line: string) => void;
}

export interface RunningCluster {
  readonly state: ClusterState;
  /** Ends everything; the logs go to `$PICKET_CLUSTER_LOGS` when that is set. */
  readonly stop: () => Promise<void>;
}

/** Starts a cluster. It ends with this process at the latest; what that leaves is removed by the next start. */
export async function startFresh({ say }: StartOptions): Promise<RunningCluster> {
  const [kube, tools] = [await ensureKube(process.env, say), await ensureTools(process.env, say)];
  await removeAbandoned(say);
  const folder = makeRunFolder();
  const stop = async (): Promise<void> => removeRunFolder(folder, process.env.PICKET_CLUSTER_LOGS || undefined);
  try {
    const bin = linkPrograms(folder, kube, tools);
    const startedMs = performance.now();
    const [apiPort, etcdPort] = [await freePort(), await freePort()];
    await startControlPlane({ folder, programs: programsIn(folder), bin, apiPort, etcdPort, enter: [] });
    say(`control plane ready in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
    const state: ClusterState = { folder, apiPort, hasNode: false };
    writeState(state);
    return { state, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Removes what killed runs left. */
export async function removeAbandoned(say: (line: string) => void): Promise<void> {
  for (const folder of abandonedRunFolders()) {
    say(`removing what a killed run left in ${folder}`);
    await removeRunFolder(folder);
  }
}

function linkPrograms(folder: string, kube: string, tools: string): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const name of kubePrograms) symlinkSync(kube, join(bin, name));
  for (const name of ["kubectl", "helm"]) symlinkSync(join(tools, name), join(bin, name));
  return bin;
}
