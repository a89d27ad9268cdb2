import type { Identity, InstallConfig, Workload } from "../../core/policy/identity.ts";
import { parseObject } from "../../core/policy/parse.ts";
import { printId, type ObjectId, type Policy } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { checkWhen } from "../../platform/cel.ts";
import { readYamlFile } from "../../platform/yaml.ts";
import type { LoadedObjects } from "../offline/load.ts";
import type { Cluster } from "./client.ts";
import { proxyContainer, redirectContainer } from "./install.ts";
import { clusterKinds, listPath } from "./kinds.ts";
import {
  fieldOf,
  isRecord,
  labelsOf,
  listAt,
  nameOf,
  namespaceOf,
  selects,
  textAt,
  textsAt,
  type KubeObject,
} from "./object.ts";
import { ownerOf } from "./owner.ts";

/** Controllers whose pods may be protected, by the plural under which the API server lists them. */
const controllers = { Deployment: "deployments", StatefulSet: "statefulsets", DaemonSet: "daemonsets" } as const;

const injectedContainers = new Set([proxyContainer, redirectContainer]);

/** Kinds that say what is enforced. */
const policyKinds = new Set(["ApiPolicy", "ClusterApiPolicy", "ApiIdentity", "ClusterApiIdentity", "PicketConfig"]);

/**
 * What speaks about the workloads of one namespace, and those workloads: the same objects as from files, so that they
 * merge in the same way. A bad object is a problem, never a part of the answer.
 */
export async function loadFromCluster(cluster: Cluster, namespace: string): Promise<LoadedObjects> {
  const policies: Policy[] = [];
  const identities: Identity[] = [];
  const problems: ObjectProblem[] = [];
  const broken: ObjectId[] = [];
  let config: InstallConfig | undefined;
  let files = 0;
  for (const kind of clusterKinds.filter((one) => policyKinds.has(one.kind))) {
    for (const object of (await cluster.list(listPath(kind, namespace))) ?? []) {
      files++;
      const parsed = parseObject(documentOf(kind.kind, object), { when: checkWhen });
      if (parsed.kind === "policy") policies.push(parsed.policy);
      else if (parsed.kind === "identity") identities.push(parsed.identity);
      else if (parsed.kind === "config") ({ config } = parsed);
      else if (parsed.kind === "invalid") {
        problems.push(...parsed.problems);
        if (parsed.id !== undefined) broken.push(parsed.id);
      }
    }
  }
  const workloads = await readWorkloads(cluster, namespace);
  return { policies, identities, workloads, config, others: [], problems, broken, isPartial: false, files };
}

/** An object as a file would hold it. It has no lines: its kind and name say where it stands. */
function documentOf(kind: string, object: KubeObject) {
  const metadata = fieldOf(object, "metadata");
  const { managedFields: _, ...kept } = isRecord(metadata) ? metadata : {};
  const place = namespaceOf(object) === "" ? nameOf(object) : `${namespaceOf(object)}/${nameOf(object)}`;
  const text = JSON.stringify({
    ...object,
    apiVersion: object["apiVersion"] ?? "picket.dev/v1alpha1",
    kind,
    metadata: kept,
    status: undefined,
  });
  const [document] = readYamlFile(text, `${kind} ${place}`).documents;
  return { ...document!, lineOf: () => 0 };
}

interface Found {
  readonly kind: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly template: KubeObject;
}

async function readWorkloads(cluster: Cluster, namespace: string): Promise<readonly Workload[]> {
  const place = `namespaces/${encodeURIComponent(namespace)}`;
  const found = new Map<string, Found>();
  const add = (one: Found): void => {
    const key = `${one.kind}/${one.name}`;
    if (!found.has(key)) found.set(key, one);
  };
  for (const [kind, plural] of Object.entries(controllers)) {
    for (const object of (await cluster.list(`/apis/apps/v1/${place}/${plural}`)) ?? []) {
      const template = fieldOf(object, "spec", "template");
      if (isRecord(template)) add(foundOf(kind, nameOf(object), template));
    }
  }
  for (const pod of (await cluster.list(`/api/v1/${place}/pods`)) ?? []) {
    const owner = ownerOf(pod);
    if (!Object.hasOwn(controllers, owner.kind)) add(foundOf(owner.kind, owner.name, pod));
  }
  const services = ((await cluster.list(`/api/v1/${place}/services`)) ?? []).map((service) => ({
    name: nameOf(service),
    selector: textsAt(service, "spec", "selector"),
  }));
  return [...found.values()].flatMap((one) => workloadsOf(one, namespace, services));
}

function foundOf(kind: string, name: string, template: KubeObject): Found {
  return {
    kind,
    name,
    labels: labelsOf(template),
    serviceAccount: textAt(template, "spec", "serviceAccountName"),
    template,
  };
}

/** One workload for each port, named as the operator names it: `accounts:8080`, `statefulset/ledger:9090`. */
function workloadsOf(
  { kind, name, labels, serviceAccount, template }: Found,
  namespace: string,
  services: readonly { readonly name: string; readonly selector: Readonly<Record<string, string>> }[],
): readonly Workload[] {
  const own = services.filter(({ selector }) => selects(selector, labels)).map((service) => service.name);
  const key = kind === "Deployment" ? name : `${kind.toLowerCase()}/${name}`;
  return portsOf(template).map(({ port, isHttp2 }): Workload => ({
    id: { kind: "Workload", namespace, name: `${key}:${port}` },
    origin: { file: `${kind} ${namespace}/${name}`, line: 0 },
    labels,
    listen: { host: "0.0.0.0", port },
    upstream: { host: "127.0.0.1", port },
    serviceAccount: serviceAccount === "" ? undefined : serviceAccount,
    cluster: { kind, name, services: own.toSorted(), protocol: isHttp2 ? "http2" : "http1" },
  }));
}

/** Declared TCP ports and those that an annotation adds. */
function portsOf(template: KubeObject): readonly { readonly port: number; readonly isHttp2: boolean }[] {
  const sidecars = listAt(template, "spec", "initContainers").filter((one) => one["restartPolicy"] === "Always");
  const ports = new Map<number, boolean>();
  for (const container of [...listAt(template, "spec", "containers"), ...sidecars]) {
    if (injectedContainers.has(textAt(container, "name"))) continue;
    for (const port of listAt(container, "ports")) {
      const number = port["containerPort"];
      if (typeof number !== "number" || (port["protocol"] ?? "TCP") !== "TCP") continue;
      if (!ports.has(number)) ports.set(number, /^(h2c?|http2|grpc)(-|$)/.test(textAt(port, "name")));
    }
  }
  for (const text of textAt(template, "metadata", "annotations", "picket.dev/ports").split(",")) {
    const number = Number(text.trim());
    if (Number.isInteger(number) && number > 0 && !ports.has(number)) ports.set(number, false);
  }
  return [...ports].map(([port, isHttp2]) => ({ port, isHttp2 })).toSorted((a, b) => a.port - b.port);
}

/** Names of these workloads, for people who named none of them. */
export function namesOfWorkloads(workloads: readonly Workload[]): readonly string[] {
  return workloads.map(({ id }) => printId(id));
}
