import type { Cluster } from "../../../cli/cluster/client.ts";
import { nameOf, namespaceOf, textAt, type KubeObject } from "../../../cli/cluster/object.ts";
import { CommandError } from "../../../cli/errors.ts";
import { parseAddress, type ApiAddress } from "../../fake-api/address.ts";
import type { JsonObject } from "../../fake-api/json.ts";
import { isSelected } from "../../fake-api/selector.ts";

export interface FakeOptions {
  readonly version?: string;
  /** Resources that the user may not create. */
  readonly forbidden?: readonly string[];
  /** Parts of paths that the user may not read. */
  readonly unreadable?: readonly string[];
  /** What a page of a pod answers. */
  readonly page?: string;
}

/** A cluster in memory that holds these objects, for looks at one thing that is wrong. */
export function fakeCluster(objects: readonly KubeObject[], options: FakeOptions = {}): Cluster {
  const hasMonitoring = objects.some((object) => textAt(object, "apiVersion").startsWith("monitoring.coreos.com/"));
  const isAt = (object: KubeObject, { apiVersion, resource, namespace, name }: ApiAddress): boolean =>
    textAt(object, "apiVersion") === apiVersion &&
    pluralOf(textAt(object, "kind")) === resource &&
    (namespace === undefined || namespaceOf(object) === namespace) &&
    (name === undefined || nameOf(object) === name);
  const find = (path: string): readonly KubeObject[] => {
    if (options.unreadable?.some((part) => path.includes(part)) === true) {
      throw new CommandError("PKT0911", `your user may not GET ${path}`, "ask for the ClusterRole view", 3);
    }
    const url = new URL(path, "https://cluster");
    const address = parseAddress(url.pathname);
    if (address === undefined) return [];
    const query = Object.fromEntries(url.searchParams);
    return objects.filter((object) => isAt(object, address) && isSelected(object as JsonObject, query));
  };
  const isKnown = (path: string): boolean => hasMonitoring || !path.startsWith("/apis/monitoring.coreos.com/");
  return {
    context: "test",
    namespace: "default",
    get: async (path) => {
      if (path === "/version") return { gitVersion: options.version ?? "v1.36.2" };
      if (parseAddress(path) === undefined) return isKnown(path) ? {} : undefined;
      return find(path)[0];
    },
    list: async (path) => (isKnown(path) ? find(path) : undefined),
    may: async ({ resource }) => options.forbidden?.includes(resource) !== true,
    podPage: async () => ({ status: options.page === undefined ? 503 : 200, text: options.page ?? "" }),
  };
}

/** As the API server spells the kinds that tests here have. */
export function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  if (lower.endsWith("y")) return `${lower.slice(0, -1)}ies`;
  return /(s|x)$/.test(lower) ? `${lower}es` : `${lower}s`;
}

type Texts = Readonly<Record<string, string>>;

export function namespace(name: string, labels: Texts = {}, annotations: Texts = {}): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels, annotations } };
}

export function node(name: string, version: string, labels: Texts = {}): KubeObject {
  const status = { nodeInfo: { kubeletVersion: version } };
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, status };
}

export function deployment(name: string, replicas: number, ready: number, namespace = "picket-system"): KubeObject {
  const metadata = { name, namespace };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { replicas }, status: { readyReplicas: ready } };
}

export function configMap(namespace: string, bundle: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "picket-trust", namespace },
    data: { "ca.crt": bundle },
  };
}

export function secret(name: string, certificate: string): KubeObject {
  const data = { "tls.crt": Buffer.from(certificate).toString("base64") };
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "picket-system" }, data };
}

export function webhook(bundle: string, namespace = "picket-system"): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: "picket-injector" },
    webhooks: [
      {
        failurePolicy: "Ignore",
        clientConfig: {
          caBundle: Buffer.from(bundle).toString("base64"),
          service: { namespace, name: "picket-operator" },
        },
      },
    ],
  };
}

export function lease(holder: string, renewTime: string): KubeObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "picket-operator", namespace: "picket-system" },
    spec: { holderIdentity: holder, renewTime, leaseDurationSeconds: 15 },
  };
}

export interface PodFields {
  readonly labels?: Texts;
  readonly annotations?: Texts;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly injected?: "ready" | "waiting" | "redirect-failed";
  readonly phase?: string;
}

/** A pod of an application on port 8080, with a proxy or without. */
export function pod(namespace: string, name: string, fields: PodFields = {}): KubeObject {
  const { labels = {}, annotations = {}, owner, injected, phase = "Running" } = fields;
  const proxy = {
    name: "picket-proxy",
    image: "picket.test/proxy:1",
    restartPolicy: "Always",
    ports: [{ name: "picket-8080", containerPort: 28080 }],
  };
  const state = { name: "picket-proxy", ready: injected === "ready", state: { running: {} } };
  const failed = { name: "picket-redirect", state: { waiting: { reason: "CrashLoopBackOff" } } };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      labels: { app: "accounts", ...labels, ...(injected === undefined ? {} : { "picket.dev/injected": "true" }) },
      annotations,
      ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
    },
    spec: {
      containers: [{ name: "app", ports: [{ name: "http", containerPort: 8080 }] }],
      ...(injected === undefined ? {} : { initContainers: [proxy] }),
    },
    status: {
      phase,
      ...(injected === undefined ? {} : { initContainerStatuses: injected === "redirect-failed" ? [failed] : [state] }),
    },
  };
}
