/** How requests come to the sidecar of a pod: every connection redirected, or callers sent to a port of its own. */
export type Capture = "redirect" | "port";

/** A port of a pod whose requests are judged. */
export interface PodPort {
  readonly port: number;
  readonly protocol: "http1" | "http2";
}

/** What kubelet asks about the application, as the sidecar asks it. */
export type ProbeTarget =
  | { readonly kind: "http" | "https"; readonly port: number; readonly path: string }
  | { readonly kind: "tcp"; readonly port: number }
  | { readonly kind: "grpc"; readonly port: number; readonly service: string };

export interface PodProbe {
  /** Path under which kubelet asks the sidecar; it says it all: `/http/8080/healthz`. */
  readonly path: string;
  readonly target: ProbeTarget;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeoutSeconds: number;
  readonly periodSeconds: number;
}

/** Everything about a pod that its proxy's configuration depends on. Pods of one shape share one configuration. */
export interface PodShape {
  readonly capture: Capture;
  readonly ports: readonly PodPort[];
  readonly probes: readonly PodProbe[];
}

/** Where redirected connections arrive. */
export const capturePort = 15_006;
/** Where the kubelet asks after the application. */
export const probePort = 15_020;
/** Where the proxy says that it is ready. */
export const readyPort = 15_021;
/** Where the proxy's metrics are. */
export const metricsPort = 15_090;
/** Ports that no container of an injected pod may have. */
export const reservedPorts: readonly number[] = [capturePort, probePort, readyPort, metricsPort];

/** Reads what injection wrote for kubelet; undefined for what is none of ours. */
export function parseProbePath(path: string): ProbeTarget | undefined {
  const [, kind, digits = "", rest = ""] = /^\/(http|https|tcp|grpc)\/([1-9][0-9]{0,4})(\/.*)?$/s.exec(path) ?? [];
  const port = Number(digits);
  if (kind === undefined || port > 65_535) return undefined;
  switch (kind) {
    case "http":
    case "https":
      return { kind, port, path: rest === "" ? "/" : rest };
    case "tcp":
      return { kind, port };
    case "grpc":
      return { kind, port, service: rest.slice(1) };
    default:
      return undefined;
  }
}
