import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { apply, read, remove } from "../kube/apply.ts";
import type { KubeMetrics } from "../kube/metrics.ts";
import { createQueue, type Outcome, type Queue } from "../kube/queue.ts";
import type { Timers } from "../kube/timers.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { injectionPolicies } from "./policy.ts";
import type { InjectionSettings } from "./settings.ts";

/** How soon a policy that somebody changed is put right. Applying what is there already writes nothing. */
const repeatMs = 8_000;

/** The object with which the policies go: it belongs to the chart, and nothing of the cluster can belong to a namespace. */
const ownerKind = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" };

export interface PolicyKeeperOptions {
  readonly transport: KubeTransport;
  readonly settings: InjectionSettings;
  /** Whether the API server is to inject; if not, policies of an earlier setting are taken away. */
  readonly isWanted: boolean;
  /** The operator's ClusterRole. */
  readonly clusterRole: string;
  readonly isLeader: () => boolean;
  readonly metrics: KubeMetrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly timers?: Timers;
}

/** Keeps the admission policies that inject as they should be. With the chart they go away. */
export class PolicyKeeper {
  readonly #options: PolicyKeeperOptions;
  readonly #queue: Queue<"policies">;

  constructor(options: PolicyKeeperOptions) {
    this.#options = options;
    this.#queue = createQueue({ ...options, controller: "injection", work: () => this.#work() });
  }

  /** Resolves when the signal was given and nothing is being written any more. */
  get stopped(): Promise<void> {
    return this.#queue.stopped;
  }

  start(signal: AbortSignal): void {
    this.#queue.start(signal);
    this.#queue.add("policies");
  }

  lead(): void {
    this.#queue.add("policies");
  }

  async #work(): Promise<Outcome> {
    const { transport, settings, isWanted, clusterRole, isLeader } = this.#options;
    if (!isLeader()) return { kind: "done" };
    const objects = injectionPolicies(settings);
    if (!isWanted) {
      for (const { apiVersion, kind, metadata } of objects) {
        await remove(transport, { apiVersion, kind, name: metadata.name });
      }
      return { kind: "done" };
    }
    const owner = { ...ownerKind, name: clusterRole };
    const role = await read(transport, owner);
    const ownerReferences = role === undefined ? [] : [{ ...owner, uid: role.metadata.uid }];
    for (const object of objects) {
      const metadata = { ...object.metadata, ownerReferences };
      await apply(transport, { ...object, metadata }, { fieldManager: "picket-operator", force: true });
    }
    return { kind: "waiting", afterMs: repeatMs };
  }
}
