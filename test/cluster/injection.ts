import assert from "node:assert/strict";
import { inject, type Injection } from "../../operator/inject/inject.ts";
import type { InjectionSettings, NamespaceFacts } from "../../operator/inject/settings.ts";
import type { GoldenPod } from "../golden/inject/cases.ts";
import type { ApiAnswer, Cluster } from "./cluster.ts";

/** Label of the namespaces of one test: what the test installs for the whole cluster is confined to them. */
export const runLabel = "picket.test/injection";

/** What a real API server makes of the golden pods, as they are and with what injection would make of them. */
export class PodsOnServer {
  readonly cluster: Cluster;
  readonly settings: InjectionSettings;
  readonly #run: string;
  readonly #namespaces = new Map<string, NamespaceFacts>();
  readonly #byName = new Map<string, NamespaceFacts>();
  #plain = "";

  constructor(cluster: Cluster, settings: InjectionSettings, run: string) {
    this.cluster = cluster;
    this.settings = settings;
    this.#run = run;
  }

  /** Selects the namespaces of this test that ask for injection or not, and none else. */
  get confinement(): { readonly key: string; readonly operator: "In"; readonly values: readonly string[] } {
    return { key: runLabel, operator: "In", values: [this.#run] };
  }

  readonly namespaceOf = (name: string): NamespaceFacts | undefined => this.#byName.get(name);

  /** A namespace with the labels and annotations of a golden pod's. */
  async namespaceFor({ namespace }: GoldenPod): Promise<NamespaceFacts> {
    if (namespace.name !== "bank") return { ...namespace, name: this.#realName(namespace.name) };
    const key = JSON.stringify(namespace);
    const known = this.#namespaces.get(key);
    if (known !== undefined) return known;
    const { annotations } = namespace;
    const labels = { ...namespace.labels, [runLabel]: this.#run };
    const made = { name: await this.cluster.namespace("bank", { labels, annotations }), labels, annotations };
    this.#namespaces.set(key, made);
    this.#byName.set(made.name, made);
    return made;
  }

  /** What injection says about a golden pod in its namespace. */
  async expected(golden: GoldenPod): Promise<Injection> {
    return inject(golden.pod, { namespace: await this.namespaceFor(golden), settings: this.settings });
  }

  async create(golden: GoldenPod): Promise<ApiAnswer> {
    return this.dryRun((await this.namespaceFor(golden)).name, golden.pod);
  }

  /** What the API server makes of a pod where nobody injects: its own defaults and mounts. */
  async untouched(pod: unknown): Promise<unknown> {
    this.#plain ||= await this.cluster.namespace("plain");
    return podOf(await this.dryRun(this.#plain, pod));
  }

  async removeNamespaces(): Promise<void> {
    const names = [...this.#byName.keys(), ...(this.#plain === "" ? [] : [this.#plain])];
    await Promise.all(names.map((name) => this.cluster.removeNamespace(name)));
  }

  dryRun(namespace: string, pod: unknown): Promise<ApiAnswer> {
    const body = { apiVersion: "v1", kind: "Pod", ...(pod as object) };
    return this.cluster.call("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, { body });
  }

  #realName(name: string): string {
    return name === "picket-system" ? this.settings.ownNamespace : name;
  }
}

/** A created pod without what is another in every pod. */
export function podOf({ status, body }: ApiAnswer): unknown {
  assert.equal(status, 201, JSON.stringify(body));
  const { metadata, spec } = body as {
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly spec: Readonly<Record<string, unknown>>;
  };
  const { name, generateName, labels, annotations, ownerReferences } = metadata;
  const named = generateName === undefined ? { name } : { generateName };
  // The API server's own volume comes before or after ours; their order means nothing.
  const volumes = (spec["volumes"] as readonly { readonly name: string }[] | undefined)?.toSorted((a, b) =>
    a.name.localeCompare(b.name),
  );
  const text = JSON.stringify({
    metadata: { ...named, labels, annotations, ownerReferences },
    spec: { ...spec, volumes },
  });
  return JSON.parse(text.replaceAll(/kube-api-access-[a-z0-9]{5}/g, "kube-api-access")) as unknown;
}

/** The sentence with which the API server refused. */
export function refusalIn({ status, body }: ApiAnswer): string {
  assert.ok(status === 403 || status === 422, JSON.stringify(body));
  return (body as { readonly message: string }).message;
}
