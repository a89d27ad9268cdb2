import type { Events } from "../kube/events.ts";
import type { InjectionMetrics } from "./metrics.ts";
import type { NamespaceFacts } from "./settings.ts";
import { unprotectedPods, type PodState, type UnprotectedPod } from "./unprotected.ts";

export interface LookOutOptions<P extends PodState> {
  readonly ownNamespace: string;
  readonly isGoverned: (pod: P) => boolean;
  readonly isLeader: () => boolean;
  readonly events: Pick<Events, "emit">;
  readonly metrics: InjectionMetrics;
}

/** Looks out for pods that should have a sidecar and have none: counts them everywhere, tells of them once. */
export class LookOut<P extends PodState & { readonly uid: string }> {
  readonly #options: LookOutOptions<P>;
  #found: readonly UnprotectedPod[] = [];
  readonly #told = new Set<string>();

  constructor(options: LookOutOptions<P>) {
    this.#options = options;
  }

  /** For `/status`. */
  get found(): readonly UnprotectedPod[] {
    return this.#found;
  }

  look(pods: ReadonlyMap<string, P>, namespaces: ReadonlyMap<string, NamespaceFacts>): void {
    const { ownNamespace, isGoverned, isLeader, events, metrics } = this.#options;
    const { counts, pods: found } = unprotectedPods(pods.values(), { namespaces, ownNamespace, isGoverned });
    for (const [reason, count] of Object.entries(counts)) metrics.unprotectedPods.set({ reason }, count);
    this.#found = found;
    if (!isLeader()) return;
    const keys = new Set<string>();
    for (const { namespace, name, reason, message } of found) {
      const uid = pods.get(`${namespace}/${name}`)?.uid ?? "";
      const key = `${uid} ${reason}`;
      keys.add(key);
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      events.emit({ apiVersion: "v1", kind: "Pod", namespace, name, uid }, "Warning", "Unprotected", message);
    }
    for (const key of this.#told) if (!keys.has(key)) this.#told.delete(key);
  }
}
