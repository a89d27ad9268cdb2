import { ownContainers, portsAnnotation } from "./names.ts";
import type { Container, Pod } from "./pod.ts";

/** Ports of one pod that are judged, and entries of one list in an annotation. */
export const portsMax = 64;
/** Distance of the sidecar's port from the application's, in Port mode. */
export const sidecarPortDistance = 20_000;
/** The last port. */
export const portMax = 65_535;

/** The form of a list of ports in an annotation. RE2 and JavaScript read it the same. */
export const portListPattern = "^ *[1-9][0-9]{0,4} *(, *[1-9][0-9]{0,4} *){0,63}$";
const portList = new RegExp(portListPattern);

/** Reads `"8080, 9090"`: sorted, each once. Empty for no text, undefined for what is no list of ports. */
export function parsePorts(text: string | undefined): readonly number[] | undefined {
  if (text === undefined || text === "") return [];
  if (!portList.test(text)) return undefined;
  const ports = sortedOnce(text.split(",").map(Number));
  return ports.every((port) => port <= portMax) ? ports : undefined;
}

/** Containers of the application: all but ours, native sidecars included, ordinary init containers not. */
export function applicationContainers({ spec }: Pod): readonly Container[] {
  const sidecars = (spec.initContainers ?? []).filter((one) => one.restartPolicy === "Always" && !isOwn(one));
  return [...spec.containers, ...sidecars];
}

/** Whether a container is one that injection made. */
export function isOwn({ name }: Container): boolean {
  return ownContainers.includes(name);
}

/** TCP ports that the containers of the application declare: sorted, each once. */
export function declaredPorts(pod: Pod): readonly number[] {
  const ports = applicationContainers(pod).flatMap((container) => container.ports ?? []);
  return sortedOnce(ports.filter(isTcp).map((port) => port.containerPort));
}

/**
 * Ports whose calls are judged: those declared and those that the pod's annotation adds, without the excluded ones.
 * Calls to any other port end at the sidecar in Redirect mode. A list that does not read adds nothing.
 */
export function judgedPorts(pod: Pod, excluded: readonly number[]): readonly number[] {
  const added = parsePorts(pod.metadata.annotations?.[portsAnnotation]) ?? [];
  return sortedOnce([...declaredPorts(pod), ...added]).filter((port) => !excluded.includes(port));
}

/** Where the sidecar listens for calls to a port, in Port mode. */
export function sidecarPort(port: number): number {
  return port > portMax - sidecarPortDistance ? port - sidecarPortDistance : port + sidecarPortDistance;
}

/** Name of the sidecar's port for a port; a Service's `targetPort` names it. */
export function sidecarPortName(port: number): string {
  return `picket-${port}`;
}

export function isTcp({ protocol = "TCP" }: { readonly protocol?: string }): boolean {
  return protocol === "TCP";
}

function sortedOnce(ports: readonly number[]): readonly number[] {
  return [...new Set(ports)].sort((a, b) => a - b);
}
