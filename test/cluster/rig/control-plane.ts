import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeKubeconfig } from "./kubeconfig.ts";
import { makePki } from "./pki.ts";
import { poll } from "./poll.ts";
import { createProbe, type Probe } from "./probe.ts";
import type { Programs } from "./programs.ts";

/** Addresses of the cluster's own networks. None of them is routed anywhere. */
export const network = {
  nodeName: "picket-node",
  /** On a bridge without ports in the cluster's own network namespace; pods see the node here, and its DNS. */
  nodeIp: "10.200.0.1",
  podRange: "10.244.0.0/24",
  serviceRange: "10.96.0.0/24",
  /** First address of the range: the Service `kubernetes`. */
  apiServiceIp: "10.96.0.1",
} as const;

export interface ControlPlaneOptions {
  readonly folder: string;
  readonly programs: Programs;
  /** Folder with one link per program. */
  readonly bin: string;
  readonly apiPort: number;
  readonly etcdPort: number;
  /** Words before each command that bring it into the network namespace. Empty: loopback of the machine. */
  readonly enter: readonly string[];
}

/** How long etcd, the API server and the controllers may take together. */
const startTimeoutMs = 90_000;

/** Starts etcd, API server, controller manager and scheduler, and waits until a namespace gets its service account. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<void> {
  const { folder, programs, bin, apiPort, enter } = options;
  const pki = join(folder, "pki");
  const apiUrl = `https://127.0.0.1:${apiPort}`;
  await makePki(pki, { nodeName: network.nodeName, addresses: [network.nodeIp, network.apiServiceIp] });
  writeKubeconfig(join(folder, "admin.kubeconfig"), { pki, apiUrl, user: { certificate: "admin" } });
  for (const name of ["controller-manager", "scheduler", "kube-proxy", "node"]) {
    writeKubeconfig(join(pki, `${name}.kubeconfig`), { pki, apiUrl, user: { certificate: name } });
  }
  writeFileSync(join(folder, "audit-policy.json"), JSON.stringify(auditPolicy));
  mkdirSync(join(folder, "etcd"), { mode: 0o700 });

  programs.start("etcd", [...enter, ...command(bin, "etcd", etcdFlags(options))]);
  programs.start("kube-apiserver", [...enter, ...command(bin, "kube-apiserver", apiServerFlags(options, pki))]);
  const probe = createProbe({ pki, apiUrl, enter });
  await answers(probe, "/readyz", programs, ["etcd", "kube-apiserver"]);
  // Not earlier: both exit when the roles they need are not there yet.
  programs.start("kube-controller-manager", [
    ...enter,
    ...command(bin, "kube-controller-manager", controllerFlags(pki)),
  ]);
  const schedulerFlags = clientFlags(join(pki, "scheduler.kubeconfig"));
  programs.start("kube-scheduler", [...enter, ...command(bin, "kube-scheduler", schedulerFlags)]);
  const account = "/api/v1/namespaces/default/serviceaccounts/default";
  await answers(probe, account, programs, ["kube-controller-manager", "kube-scheduler"]);
}

/** Waits until the path answers, or one of the programs that it needs has ended. */
async function answers(probe: Probe, path: string, programs: Programs, names: readonly string[]): Promise<void> {
  const ended = (): string | undefined => names.find((name) => !programs.isAlive(name));
  const asked = async (): Promise<true> => {
    if (ended() === undefined) await probe(path);
    return true;
  };
  try {
    await poll(asked, { timeoutMs: startTimeoutMs, what: `an answer from ${path}` });
    if (ended() !== undefined) throw new Error(`${ended()} ended at once`);
  } catch (error) {
    const output = names.map((name) => `--- ${name}\n${programs.tail(name)}`).join("\n");
    throw new Error(`${String(error)}\n${output}`, { cause: error });
  }
}

type Flags = Readonly<Record<string, string | number | boolean>>;

function command(bin: string, name: string, flags: Flags): readonly string[] {
  return [join(bin, name), ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
}

function etcdFlags({ folder, etcdPort }: ControlPlaneOptions): Flags {
  const url = `http://127.0.0.1:${etcdPort}`;
  const nobody = "http://127.0.0.1:0";
  return {
    name: "picket",
    "data-dir": join(folder, "etcd"),
    "unsafe-no-fsync": true,
    "log-level": "warn",
    "listen-client-urls": url,
    "advertise-client-urls": url,
    "listen-peer-urls": nobody,
    "initial-advertise-peer-urls": nobody,
    "initial-cluster": `picket=${nobody}`,
  };
}

function apiServerFlags({ folder, apiPort, etcdPort, enter }: ControlPlaneOptions, pki: string): Flags {
  const file = (name: string): string => join(pki, name);
  // In a namespace of its own the Service `kubernetes` gets a real endpoint; on the machine's loopback it cannot.
  const isolated = enter.length > 0;
  return {
    "bind-address": isolated ? "0.0.0.0" : "127.0.0.1",
    "advertise-address": isolated ? network.nodeIp : "127.0.0.1",
    "endpoint-reconciler-type": isolated ? "lease" : "none",
    "secure-port": apiPort,
    "etcd-servers": `http://127.0.0.1:${etcdPort}`,
    "tls-cert-file": file("apiserver.crt"),
    "tls-private-key-file": file("apiserver.key"),
    "client-ca-file": file("ca.crt"),
    "authorization-mode": "Node,RBAC",
    "allow-privileged": true,
    "kubelet-certificate-authority": file("ca.crt"),
    "kubelet-client-certificate": file("kubelet-client.crt"),
    "kubelet-client-key": file("kubelet-client.key"),
    "kubelet-preferred-address-types": "InternalIP",
    // Webhooks behind a Service are dialled by endpoint, so they work where there is no kube-proxy.
    "enable-aggregator-routing": true,
    "requestheader-client-ca-file": file("front-proxy-ca.crt"),
    "requestheader-allowed-names": "front-proxy-client",
    "requestheader-username-headers": "X-Remote-User",
    "requestheader-group-headers": "X-Remote-Group",
    "requestheader-extra-headers-prefix": "X-Remote-Extra-",
    "proxy-client-cert-file": file("front-proxy-client.crt"),
    "proxy-client-key-file": file("front-proxy-client.key"),
    "service-cluster-ip-range": network.serviceRange,
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": file("sa.pub"),
    "service-account-signing-key-file": file("sa.key"),
    "enable-admission-plugins": "NodeRestriction",
    "audit-policy-file": join(folder, "audit-policy.json"),
    "audit-log-path": auditLog(folder),
  };
}

function controllerFlags(pki: string): Flags {
  const unused = ["node-ipam", "node-route", "cloud-node-lifecycle", "certificatesigningrequest-signing"];
  return {
    ...clientFlags(join(pki, "controller-manager.kubeconfig")),
    "service-account-private-key-file": join(pki, "sa.key"),
    "root-ca-file": join(pki, "ca.crt"),
    "use-service-account-credentials": true,
    // The usual 20 calls a second make the start take four seconds longer.
    "kube-api-qps": 500,
    "kube-api-burst": 1000,
    controllers: `*,${unused.map((name) => `-${name}-controller`).join(",")}`,
  };
}

/** Of the programs that only ask the API server, and serve nothing themselves. */
function clientFlags(kubeconfig: string): Flags {
  return {
    kubeconfig,
    "authentication-kubeconfig": kubeconfig,
    "authorization-kubeconfig": kubeconfig,
    "secure-port": 0,
    "leader-elect": false,
  };
}

/** Every call of the product's own service accounts is written down, so that a test can hold roles against them. */
const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", userGroups: ["system:serviceaccounts:picket-system"] }, { level: "None" }],
};

/** One JSON object per line, kind `Event` of audit.k8s.io. */
export function auditLog(folder: string): string {
  return join(folder, "log", "audit.jsonl");
}
