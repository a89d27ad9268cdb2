import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { KubeError, toKubeError } from "./error.ts";

/** Milliseconds between two readings of a kubeconfig that the API server no longer accepts. */
const reloadMsMin = 10_000;

/** Where the API server is and how this program proves who it is. */
export interface Credentials {
  readonly server: URL;
  /** Address, trust and proof for one request; asked for each, so that tokens and programs that make them stay fresh. */
  options(): Promise<RequestOptions>;
  /** The API server said 401: what was read from files may be out of date. */
  refused(): void;
}

export interface CredentialsOptions {
  /** A file, or `in-cluster` for the service account of the pod. */
  readonly kubeconfig: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** Reads a kubeconfig, or the service account of the pod, by the official library; it is loaded here only. */
export async function readCredentials(options: CredentialsOptions): Promise<Credentials> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const load = (): { config: KubeConfig; server: URL; isProxied: boolean } => {
    const config = new KubeConfig();
    if (options.kubeconfig === "in-cluster") config.loadFromCluster();
    else config.loadFromFile(options.kubeconfig);
    const cluster = config.getCurrentCluster();
    if (!cluster) throw unusable("it names no current cluster");
    const server = URL.parse(cluster.server);
    if (server?.protocol !== "https:") throw unusable("the address of its cluster is not https");
    return { config, server, isProxied: cluster.proxyUrl !== undefined };
  };
  let current: ReturnType<typeof load>;
  try {
    current = load();
  } catch (error) {
    throw error instanceof KubeError ? error : unusable("it cannot be read", error);
  }
  let loadedAt = options.clock.monotonic();
  return {
    server: current.server,
    options: async () => {
      const { config, server, isProxied } = current;
      const request: RequestOptions = { host: server.hostname.replaceAll(/^\[|\]$/g, ""), port: server.port || 443 };
      try {
        await config.applyToHTTPSOptions(request);
      } catch (error) {
        throw toKubeError(error, "the credentials cannot be used");
      }
      // The library's own agent pools without a bound; only one that goes through a proxy is needed.
      if (!isProxied) delete request.agent;
      return request;
    },
    refused: () => {
      const now = options.clock.monotonic();
      if (now - loadedAt < reloadMsMin) return;
      loadedAt = now;
      try {
        current = load();
      } catch (error) {
        options.log.warn("the kubeconfig cannot be read again; the former one stays", { error });
      }
    },
  };
}

function unusable(why: string, cause?: unknown): KubeError {
  return new KubeError({
    code: "other",
    status: 0,
    reason: "Kubeconfig",
    message: `the kubeconfig is not usable: ${why}`,
    cause,
  });
}
