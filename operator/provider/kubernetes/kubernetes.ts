import { apiVersion } from "../../../core/policy/parse.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { Log } from "../../../platform/log.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import { read } from "../../kube/apply.ts";
import { keyOf, type KubeObject } from "../../kube/object.ts";
import { createReflector, type Reflector } from "../../kube/reflector.ts";
import type { KubeTransport } from "../../kube/transport.ts";
import { isSameList } from "../../reconcile/same-list.ts";
import type { Workload } from "../../../core/policy/identity.ts";
import type { Provider, ProxyGroup, SourceCluster, SourceText } from "../provider.ts";
import { readJson } from "../read.ts";
import { clusterOf, groupOf } from "./cluster.ts";
import {
  controllerFacts,
  namespaceFacts,
  serviceFacts,
  type ControllerFacts,
  type NamespaceFacts,
  type ServiceFacts,
} from "./cluster-facts.ts";
import { podFacts, type PodFacts } from "./pod-facts.ts";
import { Standing } from "./standing.ts";

/** Quiet time after a change before it is delivered, and the longest that changes without end hold it back. */
export const quietMs = 20;
export const quietMsMax = 300;

/** Sources of one kind that are remembered, deleted ones among them; beyond it they are read anew. */
const sourcesKeptMax = 50_000;

/** Kinds of Picket that the operator follows, and the plural under which the API server has them. */
export const followedKinds = {
  ApiPolicy: "apipolicies",
  ClusterApiPolicy: "clusterapipolicies",
  ApiIdentity: "apiidentities",
  ClusterApiIdentity: "clusterapiidentities",
  ApiService: "apiservices",
  ApiBlock: "apiblocks",
  ApiGrant: "apigrants",
  PicketConfig: "picketconfigs",
} as const;
export type FollowedKind = keyof typeof followedKinds;

const group = apiVersion.split("/")[0]!;
const definitionKind = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };

/** Path of a kind's list, or of one object of it. */
export function pathOf(kind: FollowedKind, namespace = "", name = ""): string {
  const place = namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `/apis/${apiVersion}${place}/${followedKinds[kind]}${name === "" ? "" : `/${encodeURIComponent(name)}`}`;
}

/** An object of Picket as it was read, and the status that stands in it. */
export interface FollowedObject {
  readonly source: SourceText;
  readonly status: unknown;
  readonly uid: string;
}

export interface KubernetesOptions {
  readonly transport: KubeTransport;
  readonly metrics: KubeMetrics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** The API server as a source of objects, and what else the operator asks about the cluster. */
export interface KubernetesProvider extends Provider {
  readonly isSynced: boolean;
  /** The object of a kind, by `namespace/name` or name. */
  object(kind: FollowedKind, key: string): FollowedObject | undefined;
  pods(): ReadonlyMap<string, PodFacts>;
  namespaces(): ReadonlyMap<string, NamespaceFacts>;
  /** Namespaces that need what sidecars need: those with injection, and those with pods that have a sidecar. */
  injectedNamespaces(): ReadonlySet<string>;
  /** Uid and group of a pod with a sidecar, by `namespace/name`. */
  proxyOf(key: string): { readonly uid: string; readonly group: string } | undefined;
  /** Addresses of the other pods of one of our own programs. */
  peersOf(program: {
    readonly namespace: string;
    readonly component: string;
    readonly self: string;
  }): readonly string[];
  /** Ready pods of a group of proxies, and of one of our own programs. */
  readyIn(group: string): number;
  readyOf(program: { readonly namespace: string; readonly component: string }): number;
  /** Address of a ready pod of a group of proxies. */
  addressOf(group: string): string | undefined;
  /** Calls back after anything at all has changed. */
  onChange(listener: () => void): void;
}

export function createKubernetesProvider(options: KubernetesOptions): KubernetesProvider {
  return new Follower(options);
}

class Follower implements KubernetesProvider {
  readonly #options: KubernetesOptions;
  readonly #kinds: ReadonlyMap<FollowedKind, Reflector<FollowedObject>>;
  readonly #controllers: readonly Reflector<ControllerFacts>[];
  readonly #services: Reflector<ServiceFacts>;
  readonly #namespaces: Reflector<NamespaceFacts>;
  readonly #pods: Reflector<PodFacts>;
  readonly #listeners: (() => void)[] = [];
  readonly #standing: Standing<FollowedKind, FollowedObject>;
  #deliver: Parameters<Provider["start"]>[1] | undefined;
  #isDelivered = false;
  #texts: readonly SourceText[] = [];
  #cluster: SourceCluster = { workloads: [], groups: [] };
  /** What the cluster was last read from, by the identity of each part. */
  #facts: readonly unknown[] = [];
  readonly #kept = new KeptParts();
  /** Ready pods by group, made anew with each change. */
  #addresses = new Map<string, ReadyPods>();
  #counted: { readonly pods: ReadonlyMap<string, PodFacts> | undefined; readonly programs: Map<string, number> } = {
    pods: undefined,
    programs: new Map(),
  };
  #timer: NodeJS.Timeout | undefined;
  #firstChangeAt: number | undefined;

  constructor(options: KubernetesOptions) {
    this.#options = options;
    const kinds = Object.keys(followedKinds) as FollowedKind[];
    this.#kinds = new Map(
      kinds.map((kind) => [kind, this.#reflect(followedKinds[kind], pathOf(kind), objectReader(kind))]),
    );
    this.#controllers = (["Deployment", "StatefulSet", "DaemonSet"] as const).map((kind) =>
      this.#reflect(`${kind.toLowerCase()}s`, `/apis/apps/v1/${kind.toLowerCase()}s`, controllerFacts(kind)),
    );
    this.#services = this.#reflect("services", "/api/v1/services", serviceFacts);
    this.#namespaces = this.#reflect("namespaces", "/api/v1/namespaces", namespaceFacts);
    this.#pods = this.#reflect("pods", "/api/v1/pods", podFacts);
    const { transport, clock, log } = options;
    this.#standing = new Standing({
      isKindThere: async (kind) => {
        const definition = await read(transport, { ...definitionKind, name: `${followedKinds[kind]}.${group}` });
        return definition !== undefined && definition.metadata.deletionTimestamp === undefined;
      },
      changed: () => this.#changed(),
      clock,
      log,
    });
  }

  get isSynced(): boolean {
    return this.#reflectors().every(({ isSynced }) => isSynced);
  }

  async start(signal: AbortSignal, deliver: Parameters<Provider["start"]>[1]): Promise<void> {
    this.#deliver = deliver;
    for (const reflector of this.#reflectors()) reflector.start(signal);
    const stop = (): void => {
      clearTimeout(this.#timer);
      this.#standing.stop();
    };
    signal.addEventListener("abort", stop, { once: true });
    // Invariant: nothing is delivered before everything has been listed once: half of it would be a weaker policy.
    await Promise.all(this.#reflectors().map(({ synced }) => synced));
    this.#look();
  }

  object(kind: FollowedKind, key: string): FollowedObject | undefined {
    return this.#kinds.get(kind)?.items().get(key);
  }

  pods(): ReadonlyMap<string, PodFacts> {
    return this.#pods.items();
  }

  namespaces(): ReadonlyMap<string, NamespaceFacts> {
    return this.#namespaces.items();
  }

  injectedNamespaces(): ReadonlySet<string> {
    const names = new Set<string>();
    const known = this.#namespaces.items();
    for (const { name, labels } of known.values()) if (labels["picket.dev/inject"] === "enabled") names.add(name);
    for (const pod of this.#pods.items().values()) if (pod.shape !== undefined && !pod.isOver) names.add(pod.namespace);
    // Nothing can be made in a namespace that is being deleted.
    for (const name of names) if (known.get(name)?.isTerminating !== false) names.delete(name);
    return names;
  }

  proxyOf(key: string): { readonly uid: string; readonly group: string } | undefined {
    const pod = this.#pods.items().get(key);
    const group = pod === undefined || pod.isOver ? undefined : groupOf(pod);
    return pod === undefined || group === undefined ? undefined : { uid: pod.uid, group };
  }

  peersOf({ namespace, component, self }: Parameters<KubernetesProvider["peersOf"]>[0]): readonly string[] {
    const isPeer = (pod: PodFacts): boolean =>
      isOurs(pod, namespace, component) && pod.name !== self && pod.address !== "" && !pod.isOver;
    return [...this.#pods.items().values()].filter(isPeer).map(({ address }) => address);
  }

  readyIn(group: string): number {
    return this.#addresses.get(group)?.count ?? 0;
  }

  readyOf({ namespace, component }: Parameters<KubernetesProvider["readyOf"]>[0]): number {
    const pods = this.#pods.items();
    // Asked for each workload, and the same until a pod changes.
    if (this.#counted.pods !== pods) this.#counted = { pods, programs: new Map() };
    const key = `${namespace}/${component}`;
    let count = this.#counted.programs.get(key);
    if (count === undefined) {
      count = 0;
      for (const pod of pods.values()) {
        if (pod.isReady && !pod.isTerminating && isOurs(pod, namespace, component)) count++;
      }
      this.#counted.programs.set(key, count);
    }
    return count;
  }

  addressOf(group: string): string | undefined {
    return this.#addresses.get(group)?.address;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #reflectors(): readonly Reflector<unknown>[] {
    return [...this.#kinds.values(), ...this.#controllers, this.#services, this.#namespaces, this.#pods];
  }

  #reflect<T>(resource: string, path: string, transform: (object: KubeObject) => T): Reflector<T> {
    const { transport, metrics, clock, random, log } = this.#options;
    const changed = (): void => this.#changed();
    return createReflector({ transport, resource, path, transform, changed, metrics, clock, random, log });
  }

  #changed(): void {
    if (!this.isSynced) return;
    const now = this.#options.clock.monotonic();
    this.#firstChangeAt ??= now;
    const wait = Math.max(0, Math.min(quietMs, this.#firstChangeAt + quietMsMax - now));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#firstChangeAt = undefined;
      try {
        this.#look();
      } catch (error) {
        this.#options.log.error("a change of the cluster could not be read; what is in force stays", { error });
      }
    }, wait);
  }

  /** Delivers what is there now, where it differs in anything that a plan is made of. */
  #look(): void {
    const standing = new Map(
      [...this.#kinds].map(([kind, reflector]) => [kind, this.#standing.of(kind, reflector.items())]),
    );
    const texts = [...standing.values()].flatMap((objects) => [...objects.values()].map(({ source }) => source));
    const cluster = this.#lookAround(standing.get("ApiPolicy")?.keys() ?? []);
    const isSame = this.#isDelivered && cluster === this.#cluster && isSameList(texts, this.#texts);
    this.#isDelivered = true;
    this.#cluster = cluster;
    this.#texts = texts;
    if (!isSame) this.#deliver?.({ texts, cluster });
    for (const listener of this.#listeners) listener();
  }

  /** The cluster as it is now; the same object as before where nothing of it is different. */
  #lookAround(policies: Iterable<string>): SourceCluster {
    const governed = [...new Set([...policies].map((key) => key.slice(0, key.indexOf("/"))))].toSorted();
    const followed = [this.#pods, ...this.#controllers, this.#services, this.#namespaces];
    const facts = [...followed.map((reflector) => reflector.items()), ...governed];
    // Objects of Picket change more often than what runs, and their status with every look at it.
    if (isSameList(facts, this.#facts)) return this.#cluster;
    const injected = [...this.#pods.items().values()].filter(({ shape }) => shape !== undefined);
    this.#addresses = readyPods(injected);
    const cluster = clusterOf({
      pods: injected,
      controllers: this.#controllers.flatMap((reflector) => [...reflector.items().values()]),
      services: this.#services.items().values(),
      namespaces: this.#wanted(injected, governed),
    });
    const kept = this.#kept.take(cluster);
    this.#facts = facts;
    const isSame = isSameList(kept.workloads, this.#cluster.workloads) && isSameList(kept.groups, this.#cluster.groups);
    return isSame ? this.#cluster : kept;
  }

  #wanted(injected: readonly PodFacts[], governed: readonly string[]): ReadonlySet<string> {
    const wanted = new Set([...governed, ...injected.map(({ namespace }) => namespace)]);
    for (const { name, labels } of this.#namespaces.items().values()) {
      if (labels["picket.dev/inject"] === "enabled") wanted.add(name);
    }
    return wanted;
  }
}

/** Puts the objects of before in place of those that say the same, so that what is made of them is known again. */
class KeptParts {
  #parts = new Map<string, Workload | ProxyGroup>();

  take({ workloads, groups }: SourceCluster): SourceCluster {
    const parts = new Map<string, Workload | ProxyGroup>();
    const keep = <T extends Workload | ProxyGroup>(part: T): T => {
      const text = JSON.stringify(part);
      const kept = (this.#parts.get(text) as T | undefined) ?? part;
      parts.set(text, kept);
      return kept;
    };
    const kept = { workloads: workloads.map(keep), groups: groups.map(keep) };
    this.#parts = parts;
    return kept;
  }
}

interface ReadyPods {
  /** Of the first by name, so that every look finds the same. */
  readonly address: string;
  readonly count: number;
}

function readyPods(pods: readonly PodFacts[]): Map<string, ReadyPods> {
  const ready = new Map<string, ReadyPods>();
  for (const pod of pods.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const group = groupOf(pod);
    if (group === undefined || pod.address === "" || !pod.isReady || pod.isTerminating) continue;
    const known = ready.get(group) ?? { address: pod.address, count: 0 };
    ready.set(group, { ...known, count: known.count + 1 });
  }
  return ready;
}

function isOurs(pod: PodFacts, namespace: string, component: string): boolean {
  return (
    pod.namespace === namespace &&
    pod.labels["app.kubernetes.io/component"] === component &&
    pod.labels["app.kubernetes.io/part-of"] === "picket"
  );
}

/**
 * Reads objects of a kind. Neither its status nor who wrote it changes what is in force, so an object of which only
 * that changed gives the source that it gave before.
 */
function objectReader(kind: FollowedKind): (object: KubeObject) => FollowedObject {
  const known = new Map<string, SourceText>();
  return (object) => {
    const { name, namespace, labels, creationTimestamp, generation, uid } = object.metadata;
    const metadata = { name, namespace, labels, creationTimestamp };
    const text = JSON.stringify({ apiVersion, kind, metadata, spec: object.spec });
    const before = known.get(uid);
    const isSame = before?.text === text && before.generation === generation;
    const source = isSame ? before : { ...readJson(text, `${kind} ${keyOf(object)}`), generation };
    if (known.size >= sourcesKeptMax) known.clear();
    known.set(uid, source);
    return { source, status: object.status, uid };
  };
}
