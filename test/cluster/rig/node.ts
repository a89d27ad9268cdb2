import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCgroup } from "./cgroups.ts";
import { succeed } from "./command.ts";
import { network } from "./control-plane.ts";
import type { Isolation } from "./isolation.ts";
import { noteRemains } from "./node-remains.ts";
import { poll } from "./poll.ts";
import { createProbe } from "./probe.ts";
import type { Programs } from "./programs.ts";

export interface NodeOptions {
  readonly folder: string;
  readonly programs: Programs;
  readonly bin: string;
  readonly apiPort: number;
  readonly isolation: Isolation;
}

const startTimeoutMs = 60_000;
const importTimeoutMs = 120_000;
/** `statfs` says so where the folder lies in a container's own file system, on which no other overlay can lie. */
const overlayMagic = 0x794c7630;
export const pauseImage = "picket.test/pause:1";

const socketIn = (folder: string): string => join(folder, "containerd.sock");

/** Starts containerd. Needs no control plane, so both can start at once. */
export async function startContainerd({ folder, programs, isolation }: NodeOptions): Promise<void> {
  writeFileSync(join(folder, "containerd.toml"), containerdConfig(folder));
  mkdirSync(join(folder, "cni"));
  writeFileSync(join(folder, "cni/10-picket.conflist"), JSON.stringify(podNetwork(folder)));
  programs.start("containerd", [...isolation.enter, "containerd", "--config", join(folder, "containerd.toml")]);
  const answers = async (): Promise<true> => {
    await succeed([...containerTool(folder), "version"]);
    return true;
  };
  const what = "containerd";
  await poll(answers, { timeoutMs: startTimeoutMs, what }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${programs.tail("containerd")}`);
  });
}

/** Gives an image archive to the node. Pods name it with a tag other than `latest`; nothing is ever pulled. */
export async function importImage(folder: string, archive: string): Promise<void> {
  await succeed([...containerTool(folder), "images", "import", archive], { timeoutMs: importTimeoutMs });
}

export async function tagImage(folder: string, reference: string, further: string): Promise<void> {
  await succeed([...containerTool(folder), "images", "tag", "--force", reference, further]);
}

/** Starts kubelet, kube-proxy and DNS, and waits until the node is ready. */
export async function startNode(options: NodeOptions): Promise<void> {
  const { folder, programs, bin, apiPort, isolation } = options;
  const pki = join(folder, "pki");
  const cgroup = folder.split("/").at(-1) ?? "picket-cluster";
  noteRemains(folder, cgroup);
  makeCgroup(cgroup);
  const kubelet = join(folder, "kubelet");
  mkdirSync(kubelet);
  writeFileSync(join(folder, "kubelet.json"), JSON.stringify(kubeletConfig(folder, cgroup)));
  programs.start("kubelet", [
    ...isolation.enter,
    join(bin, "kubelet"),
    `--config=${join(folder, "kubelet.json")}`,
    `--kubeconfig=${join(pki, "node.kubeconfig")}`,
    `--root-dir=${kubelet}`,
    `--cert-dir=${join(kubelet, "pki")}`,
    `--node-ip=${network.nodeIp}`,
    `--hostname-override=${network.nodeName}`,
  ]);
  writeFileSync(join(folder, "kube-proxy.json"), JSON.stringify(kubeProxyConfig(pki)));
  programs.start("kube-proxy", [
    ...isolation.enter,
    join(bin, "kube-proxy"),
    `--config=${join(folder, "kube-proxy.json")}`,
  ]);
  const dns = join(import.meta.dirname, "dns.ts");
  const apiUrl = `https://127.0.0.1:${apiPort}`;
  programs.start("dns", [...isolation.enter, process.execPath, dns, pki, apiUrl, network.nodeIp]);

  const probe = createProbe({ pki, apiUrl, enter: isolation.enter });
  const path = `/api/v1/nodes/${network.nodeName}`;
  try {
    await poll(async () => isReady(JSON.parse(String(await probe(path)))), { timeoutMs: startTimeoutMs, what: path });
  } catch (error) {
    throw new Error(`${String(error)}\n${programs.tail("kubelet")}`, { cause: error });
  }
}

function isReady(node: unknown): boolean {
  const { status } = node as { readonly status?: { readonly conditions?: readonly Condition[] } };
  return status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") ?? false;
}

interface Condition {
  readonly type: string;
  readonly status: string;
}

function containerTool(folder: string): readonly string[] {
  return ["ctr", "--address", socketIn(folder), "--namespace", "k8s.io"];
}

function containerdConfig(folder: string): string {
  const snapshotter = statfsSync(folder).type === overlayMagic ? "native" : "overlayfs";
  const cri = `plugins."io.containerd.grpc.v1.cri"`;
  const text = JSON.stringify;
  return `version = 2
root = ${text(join(folder, "containerd/root"))}
state = ${text(join(folder, "containerd/state"))}
[grpc]
  address = ${text(socketIn(folder))}
[plugins."io.containerd.internal.v1.opt"]
  path = ${text(join(folder, "containerd/opt"))}
[${cri}]
  sandbox_image = ${text(pauseImage)}
  # The sandbox asks for a score that only CAP_SYS_RESOURCE may give.
  restrict_oom_score_adj = true
  [${cri}.containerd]
    snapshotter = ${text(snapshotter)}
  [${cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = ${text(join(folder, "cni"))}
`;
}

/** Point-to-point links routed by the node, so that kube-proxy sees the traffic between pods without a bridge filter. */
function podNetwork(folder: string): unknown {
  const ranges = [[{ subnet: network.podRange }]];
  const ipam = { type: "host-local", dataDir: join(folder, "cni-addresses"), ranges, routes: [{ dst: "0.0.0.0/0" }] };
  const plugins = [
    { type: "ptp", ipMasq: false, mtu: 1500, ipam },
    { type: "portmap", capabilities: { portMappings: true } },
  ];
  return { cniVersion: "1.0.0", name: "picket", plugins };
}

function kubeletConfig(folder: string, cgroup: string): unknown {
  const pki = (name: string): string => join(folder, "pki", name);
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: `unix://${socketIn(folder)}`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki("ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: pki("node.crt"),
    tlsPrivateKeyFile: pki("node.key"),
    clusterDomain: "cluster.local",
    clusterDNS: [network.nodeIp],
    resolvConf: "",
    // A kubelet that runs here for good has /kubepods.
    cgroupRoot: `/${cgroup}`,
    cgroupDriver: "cgroupfs",
    failCgroupV1: false,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    oomScoreAdj: 0,
    maxOpenFiles: 20_000,
    localStorageCapacityIsolation: false,
    evictionHard: { "memory.available": "50Mi" },
    imageGCHighThresholdPercent: 100,
    makeIPTablesUtilChains: false,
    fileCheckFrequency: "1s",
    syncFrequency: "10s",
    nodeStatusUpdateFrequency: "10s",
    shutdownGracePeriod: "0s",
    podLogsDir: join(folder, "log/pods"),
    volumePluginDir: join(folder, "volume-plugins"),
  };
}

function kubeProxyConfig(pki: string): unknown {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    clientConnection: { kubeconfig: join(pki, "kube-proxy.kubeconfig") },
    clusterCIDR: network.podRange,
    hostnameOverride: network.nodeName,
    // These settings belong to the first network namespace; 0 leaves them alone.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    iptables: { minSyncPeriod: "0s", syncPeriod: "30s" },
  };
}
