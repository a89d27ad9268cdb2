import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createTransport, type KubeTransport } from "../../operator/kube/transport.ts";
import { createLog } from "../../platform/log.ts";
import { systemClock } from "../../platform/clock.ts";
import { startCluster } from "../../test/cluster/cluster.ts";
import { Unavailable } from "../../test/cluster/rig/unavailable.ts";
import { FakeApi } from "../../test/fake-api/server.ts";

/** A pod as a token is bound to it. */
export interface BoundPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
}

/** The API server that the operator under measurement talks to. */
export interface BenchApi {
  readonly kind: "real" | "fake";
  readonly kubeconfig: string;
  /** Not held back by the limit that the operator's own requests have. */
  request(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<unknown>;
  watch: KubeTransport["watch"];
  token(pod: BoundPod, audience: string): Promise<string>;
  stop(): Promise<void>;
}

const crds = join(import.meta.dirname, "../../crds");
const log = createLog({ level: "error", format: "text", clock: systemClock, write: () => undefined });

/** A real API server where there can be one, else the one of the tests. */
export async function startApi(wanted: "real" | "fake", say: (line: string) => void): Promise<BenchApi> {
  if (wanted === "real") {
    try {
      return await startReal();
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      say(`no real API server here (${error.message}); using the one of the tests`);
    }
  }
  return startFake();
}

async function startReal(): Promise<BenchApi> {
  const cluster = await startCluster({ node: false });
  try {
    await cluster.kubectl(["apply", "--server-side", "--filename", crds]);
    await cluster.kubectl(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    const transport = await createTransport({ kubeconfig: cluster.kubeconfig, log, clock: systemClock });
    return {
      kind: "real",
      kubeconfig: cluster.kubeconfig,
      ...callsOf(transport),
      token: (pod, audience) =>
        cluster.token({ namespace: pod.namespace, name: pod.serviceAccount }, { audiences: [audience], pod }),
      stop: async () => {
        transport.close();
        await cluster.stop();
      },
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function startFake(): Promise<BenchApi> {
  const api = await FakeApi.start();
  const transport = await createTransport({ kubeconfig: api.kubeconfig, log, clock: systemClock });
  return {
    kind: "fake",
    kubeconfig: api.kubeconfig,
    ...callsOf(transport),
    token: (pod, audience) => {
      const token = randomBytes(24).toString("hex");
      api.store.tokens.set(token, {
        username: `system:serviceaccount:${pod.namespace}:${pod.serviceAccount}`,
        uid: "account",
        groups: ["system:serviceaccounts", `system:serviceaccounts:${pod.namespace}`, "system:authenticated"],
        audiences: [audience],
        extra: {
          "authentication.kubernetes.io/pod-name": [pod.name],
          "authentication.kubernetes.io/pod-uid": [pod.uid],
        },
      });
      return Promise.resolve(token);
    },
    stop: async () => {
      transport.close();
      await api.stop();
    },
  };
}

function callsOf(transport: KubeTransport): Pick<BenchApi, "request" | "watch"> {
  return {
    request: (method, path, body) =>
      transport.request({
        method,
        path,
        ...(body !== undefined && { body }),
        ...(method === "PATCH" && { contentType: "application/merge-patch+json" }),
        urgent: true,
      }),
    watch: (request, on) => transport.watch({ ...request, urgent: true }, on),
  };
}
