import {
  allowExcludePortsAnnotation,
  allowPrivilegedAnnotation,
  captureModeAnnotation,
  excludePortsAnnotation,
  ownContainers,
  ownVolumes,
  portsAnnotation,
  proxyUser,
} from "./names.ts";
import { reservedPorts } from "../translate/pod-shape.ts";
import type { Container, Pod, SecurityContext } from "./pod.ts";
import { declaredPorts, judgedPorts, parsePorts, portsMax, sidecarPort } from "./ports.ts";
import { captures, type Capture, type NamespaceFacts } from "./settings.ts";

/** Why a pod that asks for protection cannot have it: what is wrong and what to do, one sentence each. */
export const refusals = {
  unreadable: "the pod cannot be read: a field has a form that Picket does not know",
  "host-network":
    "the pod uses the network of its node (hostNetwork), which no sidecar can protect: remove hostNetwork, or label the pod picket.dev/inject=false",
  windows: "the pod is for Windows, where the proxy does not run: label the pod picket.dev/inject=false",
  "other-mesh":
    "the pod has the sidecar of another mesh (istio-proxy, linkerd-proxy, kuma-sidecar or consul-dataplane), and two cannot redirect one pod: take it out of that mesh, or label the pod picket.dev/inject=false",
  "proxy-identity":
    "a container runs with the user or group 1773, which is the proxy's own: choose another runAsUser, runAsGroup, fsGroup or supplementalGroups",
  "can-bypass":
    "a container could take the redirection away (privileged, hostPID, or the capability NET_ADMIN, SYS_ADMIN, SYS_PTRACE, SYS_MODULE, BPF or ALL): take that right away, or annotate the namespace picket.dev/allow-privileged=true",
  "name-taken": "a container has the name picket-proxy or picket-redirect: rename it",
  "volume-taken": "a container mounts a volume named picket-identity, picket-run or picket-none: rename the volume",
  "bad-annotation":
    'an annotation does not read: picket.dev/capture-mode is Redirect or Port, picket.dev/ports and picket.dev/exclude-ports are up to 64 ports such as "8080,9090"',
  "exclude-not-allowed":
    "picket.dev/exclude-ports is not honoured in this namespace: its administrator has to annotate the namespace picket.dev/allow-exclude-ports=true",
  "port-taken":
    "a container or annotation names port 15006, 15020, 15021 or 15090, which the sidecar uses: choose another",
  "ports-too-many": "the pod has more than 64 ports to judge: declare fewer",
  "port-clash":
    "two ports of the pod would be one in Port mode, where the sidecar listens 20000 above (below, from 45536) each: change a port, or use picket.dev/capture-mode=Redirect",
  "pod-security":
    "the namespace enforces the Pod Security level baseline or restricted, which forbids redirection: annotate the pod or namespace picket.dev/capture-mode=Port",
} as const;

export type RefusalReason = keyof typeof refusals;

/** Containers by which another mesh is known. */
export const meshContainers: readonly string[] = [
  "istio-proxy",
  "istio-init",
  "istio-validation",
  "linkerd-proxy",
  "linkerd-init",
  "kuma-sidecar",
  "kuma-init",
  "consul-dataplane",
];

/** With one of these a container can change the rules of the pod's network or look into the proxy. */
export const bypassCapabilities: readonly string[] = [
  "NET_ADMIN",
  "SYS_ADMIN",
  "SYS_PTRACE",
  "SYS_MODULE",
  "BPF",
  "ALL",
];

export const systemLabels: readonly string[] = ["kubernetes.io/os", "beta.kubernetes.io/os"];
export const podSecurityLabel = "pod-security.kubernetes.io/enforce";
export const redirectRefusedLevels: readonly string[] = ["baseline", "restricted"];

/** What the pod, its namespace and the install ask for; undefined where the text is no way of capture. */
export function captureOf(pod: Pod, namespace: NamespaceFacts, fallback: Capture): Capture | undefined {
  const asked =
    pod.metadata.annotations?.[captureModeAnnotation] ?? namespace.annotations[captureModeAnnotation] ?? fallback;
  return captures.find((capture) => capture === asked);
}

/** The first reason for which a pod cannot be protected, in the order of the list; undefined when it can be. */
export function refusalOf(pod: Pod, namespace: NamespaceFacts, fallback: Capture): RefusalReason | undefined {
  const { spec, metadata } = pod;
  const annotations = metadata.annotations ?? {};
  const others = [
    ...spec.containers,
    ...(spec.initContainers ?? []).filter(({ name }) => !ownContainers.includes(name)),
  ];

  if (spec.hostNetwork === true) return "host-network";
  if (isForWindows(pod)) return "windows";
  if (others.some(({ name }) => meshContainers.includes(name))) return "other-mesh";
  if (runsAsProxy(pod, others)) return "proxy-identity";
  if (canBypass(pod, others) && namespace.annotations[allowPrivilegedAnnotation] !== "true") return "can-bypass";
  if (spec.containers.some(({ name }) => ownContainers.includes(name))) return "name-taken";
  if (others.some(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => ownVolumes.includes(name)))) {
    return "volume-taken";
  }

  const capture = captureOf(pod, namespace, fallback);
  const excluded = parsePorts(annotations[excludePortsAnnotation]);
  const added = parsePorts(annotations[portsAnnotation]);
  if (capture === undefined || excluded === undefined || added === undefined) return "bad-annotation";
  if (excluded.length > 0 && namespace.annotations[allowExcludePortsAnnotation] !== "true") {
    return "exclude-not-allowed";
  }
  if ([...declaredPorts(pod), ...excluded, ...added].some((port) => reservedPorts.includes(port))) return "port-taken";
  const judged = judgedPorts(pod, excluded);
  if (judged.length > portsMax) return "ports-too-many";
  if (capture === "Port" && clash(judged, declaredPorts(pod))) return "port-clash";
  const level = namespace.labels[podSecurityLabel];
  if (capture === "Redirect" && level !== undefined && redirectRefusedLevels.includes(level)) return "pod-security";
  return undefined;
}

/** Whether a container could take the redirection away. */
export function canBypass({ spec }: Pod, containers: readonly Container[]): boolean {
  return spec.hostPID === true || containers.some(({ securityContext }) => isPowerful(securityContext));
}

function isPowerful(context: SecurityContext | undefined): boolean {
  if (context?.privileged === true) return true;
  // Runtimes take a capability in either case, with or without its prefix.
  const added = (context?.capabilities?.add ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, ""));
  return added.some((name) => bypassCapabilities.includes(name));
}

function isForWindows({ spec }: Pod): boolean {
  return spec.os?.name === "windows" || systemLabels.some((label) => spec.nodeSelector?.[label] === "windows");
}

function runsAsProxy({ spec }: Pod, containers: readonly Container[]): boolean {
  const pod = spec.securityContext;
  if (pod?.fsGroup === proxyUser || pod?.supplementalGroups?.includes(proxyUser) === true) return true;
  const contexts = [pod, ...containers.map(({ securityContext }) => securityContext)];
  return contexts.some((context) => context?.runAsUser === proxyUser || context?.runAsGroup === proxyUser);
}

function clash(judged: readonly number[], declared: readonly number[]): boolean {
  const own = judged.map(sidecarPort);
  return new Set(own).size < own.length || own.some((port) => judged.includes(port) || declared.includes(port));
}
