import { CommandError } from "../errors.ts";
import type { Cluster } from "./client.ts";
import { labelsOf, nameOf, namespaceOf, type KubeObject } from "./object.ts";

/** Names that an install has in every cluster; docs of the chart repeat them. */
export const operatorName = "picket-operator";
export const scorerName = "picket-scorer";
/** Where Picket is installed when the command line does not say it otherwise and nothing is found. */
export const installNamespaceDefault = "picket-system";

export const injectLabel = "picket.dev/inject";
export const injectedLabel = "picket.dev/injected";
export const captureAnnotation = "picket.dev/capture";
export const captureModeAnnotation = "picket.dev/capture-mode";
export const notInjectedAnnotation = "picket.dev/not-injected";
export const proxyContainer = "picket-proxy";
export const redirectContainer = "picket-redirect";
export const trustConfigMap = "picket-trust";
export const podSecurityLabel = "pod-security.kubernetes.io/enforce";
/** Levels of Pod Security that forbid to redirect connections. */
export const redirectRefusedLevels: readonly string[] = ["baseline", "restricted"];

/** The namespace that holds Deployment `picket-operator`; undefined when there is none. */
export async function findInstall(cluster: Cluster): Promise<string | undefined> {
  const named = `fieldSelector=${encodeURIComponent(`metadata.name=${operatorName}`)}`;
  const found = await cluster.list(`/apis/apps/v1/deployments?${named}`);
  return found?.map(namespaceOf).toSorted()[0];
}

/** Where Picket is; where most have it when the user may not look for it everywhere, or when there is none. */
export async function installOrDefault(cluster: Cluster): Promise<string> {
  try {
    return (await findInstall(cluster)) ?? installNamespaceDefault;
  } catch (error) {
    if (error instanceof CommandError && error.code === "PKT0911") return installNamespaceDefault;
    throw error;
  }
}

/** Whether an object of another group belongs to Picket: by the label that Helm charts set, or by its name. */
export function isOurs(object: KubeObject): boolean {
  return labelsOf(object)["app.kubernetes.io/name"] === "picket" || /^picket(-|$)/.test(nameOf(object));
}
