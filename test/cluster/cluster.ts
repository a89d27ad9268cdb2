import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createApiClient, type ApiCall, type ApiClient } from "./rig/api-client.ts";
import { succeed, type CommandOptions } from "./rig/command.ts";
import { auditLog, network } from "./rig/control-plane.ts";
import { writeKubeconfig } from "./rig/kubeconfig.ts";
import { enterNetwork } from "./rig/isolation.ts";
import { importImage, tagImage } from "./rig/node.ts";
import { poll } from "./rig/poll.ts";
import { programsIn, type Programs } from "./rig/programs.ts";
import { startFresh } from "./rig/start.ts";
import { readState, type ClusterState } from "./rig/state.ts";

export { CommandError } from "./rig/command.ts";
export { poll } from "./rig/poll.ts";
export { testImages } from "./rig/images.ts";
export type { ApiAnswer } from "./rig/api-client.ts";

/** For `this.timeout()` of a hook that calls `startCluster`: a start takes 6 s, with a node 11 s, on a free machine. */
export const clusterStartMs = 120_000;

const howToRun = "use `node test/cluster/main.ts run mocha FILE`, or exec instead of run when one is up";

export interface TokenOptions {
  readonly audiences?: readonly string[];
  readonly expirationSeconds?: number;
  /** Binds the token to this pod. */
  readonly pod?: { readonly name: string; readonly uid: string };
}

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

/** A real Kubernetes cluster. Files with pods share one: make namespaces by `namespace`, and remove what has none. */
export interface Cluster {
  /** Of the administrator. */
  readonly kubeconfig: string;
  readonly apiUrl: string;
  /** Certificate of the authority that signed the API server's, in PEM. */
  readonly caPem: string;
  /** Where pods and Services see the node and this process; where a webhook of a test may listen, besides loopback. */
  readonly nodeIp: string;
  readonly hasNode: boolean;
  /** Scratch folder that goes with the cluster. */
  readonly folder: string;
  /** etcd, kube-apiserver, kube-controller-manager, kube-scheduler, containerd, kubelet, kube-proxy, dns. */
  readonly programs: Programs;
  /** Calls the API as administrator. */
  readonly call: ApiCall;
  /** Calls the API with a token. */
  callAs(token: string): ApiClient;
  /** Runs kubectl; gives its standard output, or throws a CommandError with what it wrote to standard error. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string>;
  helm(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** The command as it has to be started to reach pods and Services; unchanged where this process reaches them. */
  inNet(...command: string[]): readonly string[];
  /** Server-side apply of whole objects, as kubectl does it. */
  apply(objects: readonly unknown[], namespace?: string): Promise<void>;
  /** Gives an image archive to the node. */
  loadImage(archive: string): Promise<void>;
  /** Gives an image of the node a further name, such as another tag for an upgrade. */
  tagImage(reference: string, further: string): Promise<void>;
  /** Makes a namespace of a new name that starts with the prefix, and waits for its service account. */
  namespace(prefix: string, metadata?: NamespaceMetadata): Promise<string>;
  /** Starts the removal of a namespace; does not wait for it. */
  removeNamespace(name: string): Promise<void>;
  /** A token of a service account, by TokenRequest. */
  token(account: ServiceAccountName, options?: TokenOptions): Promise<string>;
  /** Path of a new kubeconfig that speaks for a service account. */
  kubeconfigFor(account: ServiceAccountName): Promise<string>;
  /** Audit events of the product's service accounts so far. */
  auditEvents(): readonly unknown[];
  /** Ends the cluster when it was started for this caller; a shared one stays. Call it in `after`. */
  stop(): Promise<void>;
}

export interface NamespaceMetadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * The cluster of this run, when there is one (`PICKET_CLUSTER`), else one of its own without a node. Tests with pods
 * have to run inside of the cluster's network, so they are started by `make test-cluster` or
 * `node test/cluster/main.ts run mocha FILE`.
 */
export async function startCluster({ node }: { readonly node: boolean }): Promise<Cluster> {
  const shared = readState(process.env);
  if (shared !== undefined) {
    if (node && !shared.hasNode) throw new Error(`this cluster has no node; ${howToRun}`);
    if (enterNetwork(shared.holderPid).length > 0)
      throw new Error(`this process is outside of the cluster; ${howToRun}`);
    return attach(shared, async () => {});
  }
  if (node) throw new Error(`tests with pods need a cluster around them; ${howToRun}`);
  const say = (line: string): void => void process.stderr.write(`cluster: ${line}\n`);
  const { state, stop } = await startFresh({ node: false, say });
  return attach(state, stop);
}

function attach({ folder, apiPort, hasNode, holderPid }: ClusterState, stop: () => Promise<void>): Cluster {
  const kubeconfig = join(folder, "admin.kubeconfig");
  const apiUrl = `https://127.0.0.1:${apiPort}`;
  const pki = join(folder, "pki");
  const { call, close } = createApiClient({ pki, apiUrl });
  const run = async (program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> => {
    const home = join(folder, "home");
    const environment = { KUBECONFIG: kubeconfig, HOME: home, HELM_CACHE_HOME: home, ...options.environment };
    return succeed([...enterNetwork(holderPid), join(folder, "bin", program), ...args], { ...options, environment });
  };
  const expect = async (status: number, method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await call(method, path, body === undefined ? {} : { body });
    if (answer.status === status) return answer.body;
    throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  };

  const cluster: Cluster = {
    kubeconfig,
    apiUrl,
    hasNode,
    folder,
    call,
    caPem: readFileSync(join(pki, "ca.crt"), "utf8"),
    nodeIp: hasNode ? network.nodeIp : "127.0.0.1",
    programs: programsIn(folder),
    callAs: (token) => createApiClient({ pki, apiUrl, token }),
    kubectl: (args, options) => run("kubectl", args, options),
    helm: (args, options) => run("helm", args, options),
    inNet: (...command) => [...enterNetwork(holderPid), ...command],
    apply: async (objects, namespace) => {
      const where = namespace === undefined ? [] : ["--namespace", namespace];
      const list = { apiVersion: "v1", kind: "List", items: objects };
      await run("kubectl", ["apply", "--server-side", ...where, "--filename", "-"], { stdin: JSON.stringify(list) });
    },
    loadImage: async (archive) => importImage(folder, archive),
    tagImage: async (reference, further) => tagImage(folder, reference, further),
    namespace: async (prefix, metadata = {}) => {
      const name = `${prefix}-${randomBytes(3).toString("hex")}`;
      await expect(201, "POST", "/api/v1/namespaces", { metadata: { name, ...metadata } });
      const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
      await poll(async () => (await call("GET", account)).status === 200, { timeoutMs: 30_000, what: account });
      return name;
    },
    removeNamespace: async (name) => void (await expect(200, "DELETE", `/api/v1/namespaces/${name}`)),
    token: async ({ namespace, name }, { audiences, expirationSeconds, pod } = {}) => {
      const boundObjectRef = pod && { kind: "Pod", apiVersion: "v1", name: pod.name, uid: pod.uid };
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const body = await expect(201, "POST", path, { spec: { audiences, expirationSeconds, boundObjectRef } });
      return (body as { readonly status: { readonly token: string } }).status.token;
    },
    kubeconfigFor: async (account) => {
      const path = join(folder, `${account.namespace}-${account.name}-${randomBytes(3).toString("hex")}.kubeconfig`);
      writeKubeconfig(path, { pki, apiUrl, user: { token: await cluster.token(account) } });
      return path;
    },
    auditEvents: () => {
      const lines = readFileSync(auditLog(folder), "utf8").split("\n");
      return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as unknown);
    },
    stop: async () => {
      close();
      await stop();
    },
  };
  return cluster;
}
