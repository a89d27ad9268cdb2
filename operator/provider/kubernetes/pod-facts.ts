import { isRecord, type KubeObject } from "../../kube/object.ts";
import { parseProbePath, probePort, type PodPort, type PodProbe, type PodShape } from "../../translate/pod-shape.ts";
import { listOf, numberOf, portNumbersOf, protocolOf, recordOf, textOf } from "./fields.ts";

/** Ports and probes of one pod that take part. A pod with more has the first of them, in order. */
export const podPortsMax = 64;
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
  /** Present for a pod with a sidecar. */
  readonly shape: PodShape | undefined;
  /** First address; empty before it has one. */
  readonly address: string;
  readonly isReady: boolean;
  readonly isOver: boolean;
  readonly isTerminating: boolean;
  readonly hostNetwork: boolean;
}

export const injectedLabel = "picket.dev/injected";
export const captureAnnotation = "picket.dev/capture";

/** Annotations that are kept: what injection wrote and what people ask of it. */
const annotationPrefix = "picket.dev/";

/** Containers that injection added. */
const ownContainers = new Set(["picket-proxy", "picket-redirect"]);

/** Reads a pod. What of it changes while it lives is its address and its state. */
export function podFacts(object: KubeObject): PodFacts {
  const { metadata } = object;
  const spec = recordOf(object.spec);
  const status = recordOf(object.status);
  const labels = metadata.labels ?? {};
  const phase = textOf(status["phase"]);
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
    shape: labels[injectedLabel] === "true" ? shapeOf(spec, metadata.annotations ?? {}) : undefined,
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
  if (controller === undefined) return { kind: "Pod", name: metadata.name };
  const { kind, name } = controller;
  const hash = metadata.labels?.["pod-template-hash"];
  if (kind === "ReplicaSet" && hash !== undefined && name.endsWith(`-${hash}`)) {
    return { kind: "Deployment", name: name.slice(0, -hash.length - 1) };
  }
  const scheduled = kind === "Job" ? /^(.+)-[0-9]{8,10}$/.exec(name)?.[1] : undefined;
  return scheduled === undefined ? { kind, name } : { kind: "CronJob", name: scheduled };
}

/** The shape of an injected pod, from its specification alone: it does not change while the pod lives. */
function shapeOf(spec: Readonly<Record<string, unknown>>, annotations: Readonly<Record<string, string>>): PodShape {
  const containers = containersOf(spec);
  return {
    capture: annotations[captureAnnotation] === "Port" ? "port" : "redirect",
    ports: judgedPorts(containers, annotations),
    probes: probesOf(containers),
  };
}

/** Containers of the application that may listen: ordinary ones and sidecars. */
export function containersOf(spec: Readonly<Record<string, unknown>>): readonly Readonly<Record<string, unknown>>[] {
  const sidecars = listOf(spec["initContainers"]).filter(
    (container) => isRecord(container) && container["restartPolicy"] === "Always",
  );
  return [...listOf(spec["containers"]), ...sidecars]
    .filter(isRecord)
    .filter((container) => !ownContainers.has(textOf(container["name"])));
}

/** Declared TCP ports and those that an annotation adds, without those that it takes away. */
export function judgedPorts(
  containers: readonly Readonly<Record<string, unknown>>[],
  annotations: Readonly<Record<string, string>>,
): readonly PodPort[] {
  const excluded = new Set(portNumbersOf(annotations["picket.dev/excluded-ports"]));
  const ports = new Map<number, PodPort>();
  for (const port of containers.flatMap((container) => listOf(container["ports"])).filter(isRecord)) {
    const number = numberOf(port["containerPort"]);
    if ((port["protocol"] ?? "TCP") !== "TCP" || number === undefined) continue;
    if (!ports.has(number)) ports.set(number, { port: number, protocol: protocolOf(textOf(port["name"])) });
  }
  for (const port of portNumbersOf(annotations["picket.dev/ports"])) {
    if (!ports.has(port)) ports.set(port, { port, protocol: "http1" });
  }
  return [...ports.values()]
    .filter(({ port }) => !excluded.has(port))
    .toSorted((a, b) => a.port - b.port)
    .slice(0, podPortsMax);
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
