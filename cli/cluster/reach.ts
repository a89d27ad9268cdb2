import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { Shell } from "../shell.ts";

/** Which cluster, as kubectl takes it. */
export interface ClusterReach {
  readonly context?: string | undefined;
  readonly kubeconfig?: string | undefined;
}

/** Which namespaces of it. */
export interface NamespaceReach {
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
}

/**
 * The kubeconfig files that kubectl would read and that are there: the option, `$KUBECONFIG`, or `~/.kube/config`. A
 * file that was named by the option is given whether or not it is there.
 */
export function kubeconfigFiles({ environment, folder }: Shell, { kubeconfig }: ClusterReach): readonly string[] {
  if (kubeconfig !== undefined) return [resolve(folder, kubeconfig)];
  const named = environment["KUBECONFIG"];
  if (named)
    return named
      .split(delimiter)
      .filter(Boolean)
      .map((file) => resolve(folder, file))
      .filter(existsSync);
  const home = environment["HOME"];
  return home ? [join(home, ".kube", "config")].filter(existsSync) : [];
}

/** Whether the command line names a cluster, or something that only a cluster has. */
export function namesCluster(reach: ClusterReach & NamespaceReach): boolean {
  const { context, kubeconfig, namespace, allNamespaces } = reach;
  return context !== undefined || kubeconfig !== undefined || namespace !== undefined || allNamespaces === true;
}
