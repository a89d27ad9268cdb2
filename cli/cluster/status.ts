import type { Shell } from "../shell.ts";
import { connect } from "./client.ts";
import { clusterKinds, listPath } from "./kinds.ts";
import { fieldOf, isRecord, textAt, type KubeObject } from "./object.ts";
import type { ClusterReach, NamespaceReach } from "./reach.ts";

/** Objects of Picket as the API server has them, with the status that the operator wrote into them. */
export interface ClusterStatus {
  readonly objects: readonly KubeObject[];
  /** For people: which namespaces were looked at. */
  readonly where: string;
}

/** Reads every object of the namespaces that were asked for, and those of the cluster. `kind`: only these. */
export async function readClusterStatus(
  shell: Shell,
  reach: ClusterReach & NamespaceReach,
  kind: string | undefined,
): Promise<ClusterStatus> {
  const cluster = await connect(shell, reach);
  const namespace = reach.allNamespaces === true ? undefined : (reach.namespace ?? cluster.namespace);
  const lists = await Promise.all(
    clusterKinds
      .filter((one) => kind === undefined || one.kind === kind)
      .map(async (one) => {
        const found = (await cluster.list(listPath(one, namespace))) ?? [];
        return found.map((object) => shown(object, one.kind));
      }),
  );
  return { objects: lists.flat(), where: namespace === undefined ? "the cluster" : `namespace ${namespace}` };
}

/** Items of a list carry no kind. What only the API server's bookkeeping needs is left out. */
function shown(object: KubeObject, kind: string): KubeObject {
  const metadata = fieldOf(object, "metadata");
  const { managedFields: _, ...kept } = isRecord(metadata) ? metadata : {};
  const apiVersion = textAt(object, "apiVersion") || "picket.dev/v1alpha1";
  return { ...object, apiVersion, kind, metadata: kept };
}
