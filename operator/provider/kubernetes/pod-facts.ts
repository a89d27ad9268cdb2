import {
  captureAnnotation,
  excludedPortsAnnotation,
  ownContainers,
  portsAnnotation,
  proxyContainer,
} from "../../inject/names.ts";
import { parsePorts, portsMax } from "../../inject/ports.ts";
import { isRecord, type KubeObject } from "../../kube/object.ts";
import { probePort, parseProbePath, type PodPort, type PodProbe, type PodShape } from "../../translate/pod-shape.ts";
import { listOf, numberOf, protocolOf, recordOf, textOf } from "./fields.ts";

/** Longest name of an owner: nothing of Kubernetes has a longer one, and the API server does not look. */
const ownerNameCharactersMax = 253;

/** Probes of one pod that are answered. A pod with more has the first of them, in order; the others fail. */
export const podProbesMax = 64;

/** Who runs a pod. */
export interface PodOwner {
  readonly kind: string;
  readonly name: string;
}

/** The little that is kept of a pod. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly owner: PodOwner;
  /** Whether its specification has the sidecar's container, whatever its labels say. */
  readonly hasSidecar: boolean;
  /** What of it is judged, with a sidecar or would be with one. */
  readonly ports: readonly PodPort[];
  /** Present for a pod with a sidecar. */
  readonly shape: PodShape | undefined;
  /** First address; empty before it has one. */
  readonly address: string;
  readonly isReady: boolean;
  readonly isOver: boolean;
  readonly isTerminating: boolean;
  readonly hostNetwork: boolean;
}

/** Annotations that are kept: what injection wrote and what people ask of it. */
const annotationPrefix = "picket.dev/";

/** Reads a pod. What of it changes while it lives is its address and its state. */
export function podFacts(object: KubeObject): PodFacts {
  const { metadata } = object;
  const spec = recordOf(object.spec);
  const status = recordOf(object.status);
  const labels = metadata.labels ?? {};
  const phase = textOf(status["phase"]);
  const annotations = metadata.annotations ?? {};
  const containers = containersOf(spec);
  const ports = judgedPorts(containers, annotations);
  const hasSidecar = listOf(spec["initContainers"]).some(
    (container) => isRecord(container) && container["name"] === proxyContainer,
  );
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid,
    labels,
    annotations: Object.fromEntries(
      Object.entries(metadata.annotations ?? {}).filter(([name]) => name.startsWith(annotationPrefix)),
    ),
    serviceAccount: textOf(spec["serviceAccountName"]),
    owner: ownerOf(object),
    hasSidecar,
    ports,
    // By its specification, which does not change while it lives: whoever took a label away from a running pod would
    // else keep it from every policy to come.
    shape: hasSidecar
      ? {
          capture: annotations[captureAnnotation] === "Port" ? "port" : "redirect",
          ports,
          probes: probesOf(containers),
        }
      : undefined,
    address: textOf(status["podIP"]),
    isReady: listOf(status["conditions"]).some(
      (condition) => isRecord(condition) && condition["type"] === "Ready" && condition["status"] === "True",
    ),
    isOver: phase === "Succeeded" || phase === "Failed",
    isTerminating: metadata.deletionTimestamp !== undefined,
    hostNetwork: spec["hostNetwork"] === true,
  };
}

/**
 * The controller that people know: a ReplicaSet is named after its Deployment and the hash that it also has as a
 * label, a Job of a CronJob after it and a time.
 */
function ownerOf({ metadata }: KubeObject): PodOwner {
  const controller = metadata.ownerReferences?.find(({ controller }) => controller === true);
  const hash = metadata.labels?.["pod-template-hash"];
  if (controller === undefined) return orphanOf(metadata, hash);
  const { kind, name } = controller;
  if (name.length > ownerNameCharactersMax || name.includes("/") || !/^[A-Za-z]{1,63}$/.test(kind)) {
    return { kind: "Pod", name: metadata.name };
  }
  if (kind === "ReplicaSet" && hash !== undefined && name.endsWith(`-${hash}`)) {
    return { kind: "Deployment", name: name.slice(0, -hash.length - 1) };
  }
  const scheduled = kind === "Job" ? /^(.+)-[0-9]{8,10}$/.exec(name)?.[1] : undefined;
  return scheduled === undefined ? { kind, name } : { kind: "CronJob", name: scheduled };
}

/**
 * Whose pod it was that its controller let go (`kubectl delete --cascade=orphan`, a changed label). It goes on as that,
 * by what the controller wrote into it: it must not lose the policy that protects it.
 */
function orphanOf({ name, generateName, labels = {} }: KubeObject["metadata"], hash: string | undefined): PodOwner {
  const prefix = typeof generateName === "string" ? generateName.replace(/-$/, "") : "";
  if (hash !== undefined && prefix.endsWith(`-${hash}`)) {
    return { kind: "Deployment", name: prefix.slice(0, -hash.length - 1) };
  }
  if (labels["controller-revision-hash"] === undefined) return { kind: "Pod", name };
  const numbered = labels["statefulset.kubernetes.io/pod-name"] === name ? /^(.+)-[0-9]+$/.exec(name)?.[1] : undefined;
  if (numbered !== undefined) return { kind: "StatefulSet", name: numbered };
  return prefix === "" ? { kind: "Pod", name } : { kind: "DaemonSet", name: prefix };
}

/** Containers of the application that may listen: ordinary ones and sidecars. */
export function containersOf(spec: Readonly<Record<string, unknown>>): readonly Readonly<Record<string, unknown>>[] {
  const sidecars = listOf(spec["initContainers"]).filter(
    (container) => isRecord(container) && container["restartPolicy"] === "Always",
  );
  return [...listOf(spec["containers"]), ...sidecars]
    .filter(isRecord)
    .filter((container) => !ownContainers.includes(textOf(container["name"])));
}

/** Declared TCP ports and those that an annotation adds, without those that it takes away. */
export function judgedPorts(
  containers: readonly Readonly<Record<string, unknown>>[],
  annotations: Readonly<Record<string, string>>,
): readonly PodPort[] {
  const excluded = new Set(parsePorts(annotations[excludedPortsAnnotation]));
  const ports = new Map<number, PodPort>();
  for (const port of containers.flatMap((container) => listOf(container["ports"])).filter(isRecord)) {
    const number = numberOf(port["containerPort"]);
    if ((port["protocol"] ?? "TCP") !== "TCP" || number === undefined) continue;
    if (!ports.has(number)) ports.set(number, { port: number, protocol: protocolOf(textOf(port["name"])) });
  }
  for (const port of parsePorts(annotations[portsAnnotation]) ?? []) {
    if (!ports.has(port)) ports.set(port, { port, protocol: "http1" });
  }
  return [...ports.values()]
    .filter(({ port }) => !excluded.has(port))
    .toSorted((a, b) => a.port - b.port)
    .slice(0, portsMax);
}

function probesOf(containers: readonly Readonly<Record<string, unknown>>[]): readonly PodProbe[] {
  const probes = new Map<string, PodProbe>();
  for (const container of containers) {
    for (const field of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      const probe = recordOf(container[field]);
      const question = recordOf(probe["httpGet"]);
      const path = textOf(question["path"]);
      const target = numberOf(question["port"]) === probePort ? parseProbePath(path) : undefined;
      if (target === undefined) continue;
      const known = probes.get(path);
      const read = {
        path,
        target,
        headers: listOf(question["httpHeaders"])
          .filter(isRecord)
          .map((header): readonly [string, string] => [textOf(header["name"]), textOf(header["value"])]),
        timeoutSeconds: numberOf(probe["timeoutSeconds"]) ?? 1,
        periodSeconds: numberOf(probe["periodSeconds"]) ?? 10,
      };
      // One question serves several probes of one path: as often and as patiently as the most demanding one.
      probes.set(
        path,
        known === undefined
          ? read
          : {
              ...known,
              timeoutSeconds: Math.max(known.timeoutSeconds, read.timeoutSeconds),
              periodSeconds: Math.min(known.periodSeconds, read.periodSeconds),
            },
      );
    }
  }
  return [...probes.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)).slice(0, podProbesMax);
}
