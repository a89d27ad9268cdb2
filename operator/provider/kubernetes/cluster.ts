import type { ClusterWorkload, Workload } from "../../../core/policy/identity.ts";
import { hashText } from "../../reconcile/generation.ts";
import { sidecarPort } from "../../inject/ports.ts";
import type { PodPort } from "../../translate/pod-shape.ts";
import type { ProxyGroup, SourceCluster } from "../provider.ts";
import type { ControllerFacts, ServiceFacts } from "./cluster-facts.ts";
import type { PodFacts, PodOwner } from "./pod-facts.ts";

/**
 * Workloads of one namespace. What is beyond takes no part: its ports have no chain at any proxy, so they are closed,
 * and no policy finds it. Otherwise empty Deployments of one tenant would take the memory of the operator.
 */
export const workloadsPerNamespaceMax = 1_000;

export interface ClusterFacts {
  readonly pods: Iterable<PodFacts>;
  readonly controllers: Iterable<ControllerFacts>;
  readonly services: Iterable<ServiceFacts>;
  /** Namespaces that anybody wants to have protected: by their label, or because a policy stands there. */
  readonly namespaces: ReadonlySet<string>;
}

/** Who runs pods and what of them is judged, gathered from the controller and from its pods. */
interface Found {
  readonly namespace: string;
  readonly owner: PodOwner;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly ports: Map<number, PodPort>;
}

/**
 * What runs in a cluster, as workloads and as groups of proxies with one configuration each. Pure, and independent of
 * the order in which the facts arrived.
 */
export function clusterOf(facts: ClusterFacts): SourceCluster {
  const found = new Map<string, Found>();
  for (const { kind, name, namespace, labels, serviceAccount, ports } of facts.controllers) {
    if (!facts.namespaces.has(namespace)) continue;
    const owner = { kind, name };
    const own = new Map(ports.map((port) => [port.port, port]));
    found.set(ownerKey(namespace, owner), { namespace, owner, labels, serviceAccount, ports: own });
  }
  const groups = new Map<string, ProxyGroup>();
  const pods = [...facts.pods].filter(({ shape, isOver }) => shape !== undefined && !isOver);
  const keyed = pods.map((pod) => ({ pod, place: pod.namespace + pod.name }));
  for (const { pod } of keyed.toSorted((a, b) => compare(a.place, b.place))) {
    const { namespace, owner, labels, serviceAccount } = pod;
    const key = ownerKey(namespace, owner);
    const known = found.get(key) ?? { namespace, owner, labels: ownLabels(labels), serviceAccount, ports: new Map() };
    found.set(key, known);
    for (const port of pod.shape!.ports) if (!known.ports.has(port.port)) known.ports.set(port.port, port);
    const name = groupOf(pod)!;
    const workloads = pod.shape!.ports.map(({ port }) => workloadName(key, port));
    if (!groups.has(name)) groups.set(name, { name, workloads, shape: pod.shape! });
  }
  const services = Map.groupBy(facts.services, ({ namespace }) => namespace);
  // Those with pods come first: a bound that is reached must not close what runs for what does not.
  const running = new Set([...groups.values()].flatMap((group) => group.workloads));
  const workloads = [...Map.groupBy(found.values(), ({ namespace }) => namespace)].flatMap(([namespace, ones]) => {
    const all = ones.flatMap((one) => workloadsOf(one, services.get(namespace) ?? []));
    if (all.length <= workloadsPerNamespaceMax) return all;
    const isIdle = ({ id }: Workload): number => Number(!running.has(`${namespace}/${id.name}`));
    return all
      .toSorted((a, b) => isIdle(a) - isIdle(b) || compare(a.id.name, b.id.name))
      .slice(0, workloadsPerNamespaceMax);
  });
  return {
    workloads: workloads.toSorted((a, b) => compare(a.id.namespace + a.id.name, b.id.namespace + b.id.name)),
    groups: [...groups.values()].toSorted((a, b) => compare(a.name, b.name)),
  };
}

/** By what is known of a pod, which is asked several times at each change of any pod. */
const knownGroups = new WeakMap<PodFacts, string>();

/** The group of an injected pod; undefined for a pod without a sidecar. */
export function groupOf(pod: PodFacts): string | undefined {
  if (pod.shape === undefined) return undefined;
  const known = knownGroups.get(pod);
  if (known !== undefined) return known;
  const { namespace, owner, shape } = pod;
  const group = `proxy|${ownerKey(namespace, owner)}|${hashText(JSON.stringify(shape)).slice(0, 8)}`;
  knownGroups.set(pod, group);
  return group;
}

/** `bank/accounts`, and `bank/statefulset/ledger` for what is no Deployment: no name of Kubernetes holds a slash. */
function ownerKey(namespace: string, { kind, name }: PodOwner): string {
  return kind === "Deployment" ? `${namespace}/${name}` : `${namespace}/${kind.toLowerCase()}/${name}`;
}

/** Workloads that a pod stands for, or would stand for if it had a sidecar. */
export function workloadNamesOf({ namespace, owner, ports }: PodFacts): readonly string[] {
  return ports.map(({ port }) => workloadName(ownerKey(namespace, owner), port));
}

function workloadName(key: string, port: number): string {
  return `${key}:${port}`;
}

function workloadsOf(one: Found, services: readonly ServiceFacts[]): readonly Workload[] {
  const { namespace, owner, labels, serviceAccount, ports } = one;
  const selecting = services.filter(({ selector }) => selects(selector, labels)).map(({ name }) => name);
  const file = `${owner.kind} ${namespace}/${owner.name}`;
  return [...ports.values()]
    .toSorted((a, b) => a.port - b.port)
    .map(({ port, protocol }): Workload => {
      const cluster: ClusterWorkload = { ...owner, services: selecting.toSorted(compare), protocol };
      return {
        id: {
          kind: "Workload",
          namespace,
          name: workloadName(ownerKey(namespace, owner), port).slice(namespace.length + 1),
        },
        origin: { file, line: 0 },
        labels,
        listen: { host: "0.0.0.0", port: sidecarPort(port) },
        upstream: { host: "127.0.0.1", port },
        serviceAccount: serviceAccount === "" ? undefined : serviceAccount,
        cluster,
      };
    });
}

function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}

/** Labels that a controller put on this one pod say nothing about its workload. */
const generatedLabels = new Set([
  "pod-template-hash",
  "controller-revision-hash",
  "statefulset.kubernetes.io/pod-name",
  "apps.kubernetes.io/pod-index",
  "controller-uid",
  "batch.kubernetes.io/controller-uid",
  "job-name",
  "batch.kubernetes.io/job-name",
  "picket.dev/injected",
]);

function ownLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !generatedLabels.has(name)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
