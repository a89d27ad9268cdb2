import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { apply, read } from "../kube/apply.ts";
import type { KubeMetrics } from "../kube/metrics.ts";
import { createQueue, type Outcome, type Queue } from "../kube/queue.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { injectionPolicies } from "./policy.ts";
import type { InjectionSettings } from "./settings.ts";

/** How soon a policy that somebody changed is put right. Applying what is there already writes nothing. */
const repeatMs = 8_000;

/** The object with which the policies go: it belongs to the chart, and nothing of the cluster can belong to a namespace. */
const owner = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: "picket-operator" };

export interface PolicyKeeperOptions {
  readonly transport: KubeTransport;
  readonly settings: InjectionSettings;
  readonly isLeader: () => boolean;
  readonly metrics: KubeMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Keeps the admission policies that inject as they should be. With the chart they go away. */
export class PolicyKeeper {
  readonly #options: PolicyKeeperOptions;
  readonly #queue: Queue<"policies">;

  constructor(options: PolicyKeeperOptions) {
    this.#options = options;
    const { metrics, clock, log } = options;
    this.#queue = createQueue({ controller: "injection", work: () => this.#work(), metrics, clock, log });
  }

  start(signal: AbortSignal): void {
    this.#queue.start(signal);
  }

  lead(): void {
    this.#queue.add("policies");
  }

  async #work(): Promise<Outcome> {
    const { transport, settings, isLeader } = this.#options;
    if (!isLeader()) return { kind: "done" };
    const role = await read(transport, owner);
    const ownerReferences = role === undefined ? [] : [{ ...owner, uid: role.metadata.uid }];
    for (const object of injectionPolicies(settings)) {
      const metadata = { ...object.metadata, ownerReferences };
      await apply(transport, { ...object, metadata }, { fieldManager: "picket-operator", force: true });
    }
    return { kind: "waiting", afterMs: repeatMs };
  }
}
