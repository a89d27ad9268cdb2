import { probePort } from "../translate/pod-shape.ts";
import type { Container, ContainerPort, HttpGet, ProbeHandler } from "./pod.ts";

export const probeFields = ["livenessProbe", "readinessProbe", "startupProbe"] as const;

/** Names of gRPC services that fit into a path as they are. RE2 and JavaScript read it the same. */
export const grpcServicePattern = "^[A-Za-z0-9._/-]{0,253}$";
const grpcService = new RegExp(grpcServicePattern);

/**
 * A container whose probes the kubelet sends to the sidecar's probe port, which asks the application itself: a probe of
 * the application's own port would be judged like any call. Probes of excluded ports, of another host and of ports that
 * cannot be resolved stay as they are.
 */
export function withProbes(container: Container, excluded: readonly number[]): Container {
  let result = container;
  for (const field of probeFields) {
    const probe = container[field];
    if (probe === undefined) continue;
    const rewritten = rewriteProbe(probe, container.ports ?? [], excluded);
    if (rewritten !== probe) result = { ...result, [field]: rewritten };
  }
  return result;
}

function rewriteProbe<P extends ProbeHandler>(
  probe: P,
  ports: readonly ContainerPort[],
  excluded: readonly number[],
): P {
  const aim = probeAim(probe, ports);
  if (aim === undefined || aim.port === probePort || excluded.includes(aim.port)) return probe;
  const { httpGet, tcpSocket: _tcpSocket, grpc: _grpc, ...rest } = probe;
  const own: HttpGet = { ...httpGet, path: aim.path, port: probePort };
  return { ...rest, httpGet: own.scheme === undefined ? own : { ...own, scheme: "HTTP" } } as P;
}

/** The application's port that a probe asks, and the path of the probe port that stands for it. */
interface Aim {
  readonly port: number;
  readonly path: string;
}

function probeAim(probe: ProbeHandler, ports: readonly ContainerPort[]): Aim | undefined {
  const { httpGet, tcpSocket, grpc } = probe;
  if (httpGet !== undefined && !httpGet.host) {
    const port = resolve(httpGet.port, ports);
    const path = httpGet.path ?? "";
    const scheme = httpGet.scheme === "HTTPS" ? "https" : "http";
    return aimAt(port, `/${scheme}/${port}${path.startsWith("/") ? "" : "/"}${path}`);
  }
  if (tcpSocket !== undefined && !tcpSocket.host) {
    const port = resolve(tcpSocket.port, ports);
    return aimAt(port, `/tcp/${port}`);
  }
  if (grpc !== undefined && grpcService.test(grpc.service ?? "")) {
    return aimAt(grpc.port, `/grpc/${grpc.port}/${grpc.service ?? ""}`);
  }
  return undefined;
}

function aimAt(port: number | undefined, path: string): Aim | undefined {
  return port === undefined ? undefined : { port, path };
}

/** The kubelet looks a named port up among the ports of the same container. */
function resolve(port: number | string, ports: readonly ContainerPort[]): number | undefined {
  return typeof port === "number" ? port : ports.find(({ name }) => name === port)?.containerPort;
}
