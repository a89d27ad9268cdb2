import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runFolders } from "./run-folders.ts";

/** What another process has to know to use a running cluster. Lies in the run folder; `PICKET_CLUSTER` names that. */
export interface ClusterState {
  readonly folder: string;
  readonly apiPort: number;
  /** Process that holds the network and mount namespaces. Absent: the cluster is on the machine's own loopback. */
  readonly holderPid?: number;
  /** True when a kubelet runs. */
  readonly hasNode: boolean;
}

const file = "cluster.json";

/** Clusters that are up now. */
export function runningClusters(): readonly ClusterState[] {
  const folders = runFolders().filter((folder) => existsSync(join(folder, file)));
  return folders.map((folder) => JSON.parse(readFileSync(join(folder, file), "utf8")) as ClusterState);
}

export function writeState(state: ClusterState): void {
  writeFileSync(join(state.folder, file), JSON.stringify(state));
}

/** The cluster that this process was told to use. */
export function readState(environment: NodeJS.ProcessEnv): ClusterState | undefined {
  const folder = environment.PICKET_CLUSTER;
  if (!folder) return undefined;
  const path = join(folder, file);
  if (!existsSync(path)) throw new Error(`PICKET_CLUSTER names ${folder}, and no cluster runs there`);
  return JSON.parse(readFileSync(path, "utf8")) as ClusterState;
}
