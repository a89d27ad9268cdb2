import type { Container, Pod } from "./pod.ts";
import { applicationContainers, isOwn, isTcp } from "./ports.ts";
import { canBypass } from "./refusal.ts";
import { probeFields } from "./probes.ts";
import type { Capture } from "./settings.ts";

/** Warnings about one pod; further ones are left out. */
export const warningsMax = 16;
/** The API server cuts longer ones. */
export const warningCharactersMax = 240;

/** Under these a pod may not find Services by their names. */
const offClusterDns: readonly string[] = ["Default", "None"];

/** What the author of an injected pod should know: things that are let in and are not what they may seem. */
export function warningsOf(pod: Pod, judged: readonly number[], capture: Capture): readonly string[] {
  const { spec } = pod;
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter((one) => !isOwn(one))];
  const found = [
    ...(judged.length === 0 ? [noPorts(capture)] : []),
    ...(canBypass(pod, containers) ? ["a container could take the redirection away; the namespace allows that"] : []),
    ...(offClusterDns.includes(spec.dnsPolicy ?? "")
      ? [`dnsPolicy ${spec.dnsPolicy}: the proxy must find the operator's Service by name`]
      : []),
    ...(spec.shareProcessNamespace === true ? ["containers that share processes can stop the proxy"] : []),
    ...applicationContainers(pod).flatMap((container) => [
      ...portWarnings(container, capture),
      ...(capture === "Redirect" ? handlerWarnings(container) : []),
    ]),
  ];
  return found.slice(0, warningsMax).map((text) => `picket: ${text}`.slice(0, warningCharactersMax));
}

function noPorts(capture: Capture): string {
  return capture === "Redirect"
    ? "no container declares a TCP port, so every call is refused: declare containerPort, or annotate picket.dev/ports"
    : "no container declares a TCP port, so nothing is judged: declare containerPort, or annotate picket.dev/ports";
}

function portWarnings({ name, ports = [] }: Container, capture: Capture): readonly string[] {
  return ports.flatMap((port) => {
    if (!isTcp(port)) return [`container ${name}: ${port.protocol} port ${port.containerPort} is not captured`];
    return capture === "Port" && port.hostPort !== undefined
      ? [`container ${name}: host port ${port.hostPort} reaches the application, not the sidecar`]
      : [];
  });
}

function handlerWarnings(container: Container): readonly string[] {
  const { name, lifecycle } = container;
  const judged = (["postStart", "preStop"] as const).filter((hook) => lifecycle?.[hook]?.httpGet !== undefined);
  const hosts = probeFields.filter((field) => container[field]?.httpGet?.host || container[field]?.tcpSocket?.host);
  return [
    ...judged.map((hook) => `container ${name}: the httpGet of ${hook} is judged like any call; use exec`),
    ...hosts.map((field) => `container ${name}: ${field} names a host of its own and is left as it is`),
  ];
}
