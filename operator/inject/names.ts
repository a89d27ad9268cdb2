/** Names that injection writes into pods and that the Kubernetes provider reads there. */

/** On a namespace `enabled`, on a pod `"true"` or `"false"`; the pod's wins. */
export const injectLabel = "picket.dev/inject";
/** `"true"` on every injected pod: the operator selects by it. */
export const injectedLabel = "picket.dev/injected";
/** How calls reach the sidecar of this pod: `Redirect` or `Port`. */
export const captureAnnotation = "picket.dev/capture";
/** Asks for a way of capture, on a pod or for a namespace. */
export const captureModeAnnotation = "picket.dev/capture-mode";
/** Ports that a pod wants to leave out of the capture. */
export const excludePortsAnnotation = "picket.dev/exclude-ports";
/** On a namespace: its pods may leave ports out. */
export const allowExcludePortsAnnotation = "picket.dev/allow-exclude-ports";
/** The ports that were left out. */
export const excludedPortsAnnotation = "picket.dev/excluded-ports";
/** Ports that are judged although no container declares them. */
export const portsAnnotation = "picket.dev/ports";
/** On a namespace: its pods may have the rights with which a container could take the redirection away. */
export const allowPrivilegedAnnotation = "picket.dev/allow-privileged";
/** Why a pod that asked for protection has none. */
export const notInjectedAnnotation = "picket.dev/not-injected";
/** Which template a pod was injected with: a hash of the settings. */
export const templateAnnotation = "picket.dev/template";

/** On the picture that a kubelet makes of a static pod: nothing of it can be changed. */
export const mirrorAnnotation = "kubernetes.io/config.mirror";

export const proxyContainer = "picket-proxy";
export const redirectContainer = "picket-redirect";
export const ownContainers: readonly string[] = [redirectContainer, proxyContainer];

export const identityVolume = "picket-identity";
export const runVolume = "picket-run";
/** An empty folder where the API token would be: the API server mounts none over it. */
export const noTokenVolume = "picket-none";
export const ownVolumes: readonly string[] = [identityVolume, runVolume, noTokenVolume];

/** User and group of the proxy; no other container of a pod may run as it. */
export const proxyUser = 1773;

/** Namespaces of Kubernetes itself: nothing is ever injected there. */
export const systemNamespaces: readonly string[] = ["kube-system", "kube-public", "kube-node-lease"];

/** The trust bundle that the operator publishes into every namespace with injection. */
export const trustConfigMap = "picket-trust";
/** Audience of the token with which a proxy says who it is. */
export const proxyAudience = "picket-xds";
