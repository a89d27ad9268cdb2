import { join } from "node:path";
import { buildImage, compilePrograms } from "../../../scripts/images/build.ts";
import { imageNames } from "../../../scripts/images/root-filesystems.ts";
import { startCluster, testImages, type Cluster } from "../cluster.ts";

const root = join(import.meta.dirname, "../../..");
export const chart = join(root, "charts/picket");
export const installNamespace = "picket-system";

/** Time for an install with its images, on a busy machine. */
export const installMs = 300_000;

/** Values with which tests install: the images are on the node, and two replicas of each program. */
const values = ["--set", "global.imagePullPolicy=Never"];

let imagesLoaded: Promise<void> | undefined;

async function loadImages(cluster: Cluster): Promise<void> {
  compilePrograms(root);
  for (const name of imageNames) await cluster.loadImage(buildImage(root, name).archive);
}

/** A cluster with pods and Picket in it, installed by Helm where it is not yet. Further values are put on top. */
export async function clusterWithPicket(more: readonly string[] = []): Promise<Cluster> {
  const cluster = await startCluster({ node: true });
  imagesLoaded ??= loadImages(cluster);
  await imagesLoaded;
  await install(cluster, more);
  return cluster;
}

/** `helm upgrade --install`, and waits until everything is ready. */
export async function install(cluster: Cluster, more: readonly string[] = []): Promise<void> {
  const where = ["--namespace", installNamespace, "--create-namespace"];
  await cluster.helm(["upgrade", "--install", "picket", chart, ...where, ...values, ...more]);
  await ready(cluster);
}

/** Waits until the programs of the newest revision run and the API server can ask the webhook. */
export async function ready(cluster: Cluster): Promise<void> {
  for (const deployment of ["picket-operator", "picket-scorer"]) {
    const args = ["rollout", "status", `deployment/${deployment}`, "--namespace", installNamespace, "--timeout=170s"];
    await cluster.kubectl(args, { timeoutMs: 180_000 });
  }
}

export interface WorkloadOptions {
  readonly name?: string;
  readonly replicas?: number;
  readonly pod?: object;
  readonly container?: object;
  readonly template?: object;
}

/** A Deployment of the test application and its Service. */
export function workload(options: WorkloadOptions = {}): readonly object[] {
  const { name = "accounts", replicas = 1, pod, container, template } = options;
  const selector = { app: name };
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: selector, ...template },
          spec: {
            terminationGracePeriodSeconds: 20,
            containers: [
              {
                name: "app",
                image: testImages.application,
                env: [{ name: "DRAIN_MS", value: "4000" }],
                ports: [{ name: "http", containerPort: 8080 }],
                readinessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 1 },
                livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 5 },
                ...container,
              },
            ],
            ...pod,
          },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { selector, ports: [{ port: 80, targetPort: "http" }] },
    },
  ];
}

/** A pod without a sidecar from which others are called. */
export const caller: object = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "caller", labels: { "picket.dev/inject": "false" } },
  spec: {
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: "tools",
        image: testImages.tools,
        args: ["-c", "sleep 100000"],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      },
    ],
  },
};

/** Reads of accounts are allowed, everything else is denied. */
export function policy(name = "accounts", spec: object = {}): object {
  return {
    apiVersion: "picket.dev/v1alpha1",
    kind: "ApiPolicy",
    metadata: { name },
    spec: {
      targetRefs: [{ group: "apps", kind: "Deployment", name }],
      mode: "Enforce",
      // A busy machine must not look like a scorer that is away.
      failure: { timeout: "1s" },
      access: {
        default: "Deny",
        rules: [{ name: "read", match: [{ methods: ["GET"], path: "/v1/accounts/{id}" }], effect: "Allow" }],
      },
      ...spec,
    },
  };
}

/** Status of an answer, asked from this process; 0 when nobody answered. */
export async function statusOf(url: string, init: RequestInit = {}): Promise<number> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000), ...init });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
}

/** Status of an answer, asked from the pod `caller` of a namespace. */
export async function statusFrom(cluster: Cluster, namespace: string, url: string): Promise<number> {
  const command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--max-time", "5", url];
  const args = [
    "--namespace",
    namespace,
    "exec",
    "caller",
    "--",
    "sh",
    "-c",
    `${command.map(quote).join(" ")} || true`,
  ];
  return Number(await cluster.kubectl(args));
}

function quote(word: string): string {
  return `'${word}'`;
}

export async function waitReady(cluster: Cluster, namespace: string, ...what: readonly string[]): Promise<void> {
  for (const one of what) {
    const args = one.startsWith("pod/")
      ? ["wait", "--for=condition=Ready", one, "--timeout=90s"]
      : ["rollout", "status", one, "--timeout=90s"];
    await cluster.kubectl(["--namespace", namespace, ...args]);
  }
}

export async function waitProgrammed(cluster: Cluster, namespace: string, name: string): Promise<void> {
  const args = ["wait", "--for=condition=Programmed", `apol/${name}`, "--timeout=60s"];
  await cluster.kubectl(["--namespace", namespace, ...args]);
}

export async function addressOfService(cluster: Cluster, namespace: string, name: string): Promise<string> {
  const args = ["get", "service", name, "--namespace", namespace, "--output=jsonpath={.spec.clusterIP}"];
  return cluster.kubectl(args);
}

export interface PodView {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly { readonly name: string }[];
    readonly initContainers?: readonly { readonly name: string }[];
  };
  readonly status: {
    readonly podIP: string;
    readonly phase: string;
    readonly containerStatuses: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly containerID: string;
}

/** Pods with a label that are not being deleted. */
export async function podsOf(cluster: Cluster, namespace: string, app: string): Promise<readonly PodView[]> {
  const args = ["get", "pods", "--namespace", namespace, `--selector=app=${app}`, "--output=json"];
  const { items } = JSON.parse(await cluster.kubectl(args)) as {
    readonly items: readonly (PodView & { readonly metadata: { readonly deletionTimestamp?: string } })[];
  };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

export async function conditionOf(
  cluster: Cluster,
  namespace: string,
  name: string,
  type: string,
): Promise<{ readonly status: string; readonly reason: string; readonly message: string } | undefined> {
  const args = ["get", "apol", name, "--namespace", namespace, "--output=json"];
  const object = JSON.parse(await cluster.kubectl(args)) as {
    readonly status?: {
      readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[];
    };
  };
  return object.status?.conditions?.find((condition) => condition.type === type);
}
