import { apiVersion } from "../../core/policy/parse.ts";
import type { Clock } from "../../platform/clock.ts";
import type { ApiPolicyStatus } from "../../platform/kinds.gen.ts";
import type { Log } from "../../platform/log.ts";
import { apply } from "../kube/apply.ts";
import { isRecord } from "../kube/object.ts";
import type { Outcome, Queue } from "../kube/queue.ts";
import { KubeError, type KubeTransport } from "../kube/transport.ts";
import type { FollowedKind } from "../provider/kubernetes/kubernetes.ts";
import type { Condition, ConditionReason, Count, ObjectStatus } from "./object-status.ts";

/** Least time between two writes of one object's status. */
export const writeMs = 5_000;

/** Entries of lists in a status: etcd is no place for everything. */
export const listedMax = 16;

/** Characters of one message in a status. */
export const messageCharactersMax = 1_024;

/** What every policy goes through on its way; a condition in `kubectl get` is enough for it. */
const passing: ReadonlySet<ConditionReason> = new Set(["Pending", "Unproven", "NoProxies", "NoScorers", "NoWorkloads"]);

export interface ClusterStatusOptions {
  readonly transport: KubeTransport;
  /** The status that stands in the API server now, as far as is known. Undefined: the object is not there. */
  readonly standing: (kind: FollowedKind, key: string) => { readonly status: unknown } | undefined;
  readonly isLeader: () => boolean;
  /** Tells people of a condition that is not as they want it, when it was written. */
  readonly tell: (status: ObjectStatus, condition: Condition) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Writes the status of objects into the API server: by the leader alone, only what differs in meaning, and each object
 * at most once in five seconds.
 */
export class ClusterStatus {
  readonly #options: ClusterStatusOptions;
  readonly #wanted = new Map<string, ObjectStatus>();
  /** What stood in the API server when a status was last looked at, to see when somebody else writes there. */
  readonly #stood = new Map<string, unknown>();
  readonly #written = new Map<string, { readonly text: string; readonly atMs: number }>();
  #queue: Pick<Queue<string>, "add"> | undefined;

  constructor(options: ClusterStatusOptions) {
    this.#options = options;
  }

  /** The queue whose work is `write`. */
  useQueue(queue: Pick<Queue<string>, "add">): void {
    this.#queue = queue;
  }

  /** What the status of every object is now. */
  update(statuses: readonly ObjectStatus[]): void {
    const names = new Set<string>();
    for (const status of statuses) {
      const name = nameOf(status);
      names.add(name);
      const stands = this.#standing(status);
      if (this.#wanted.get(name) === status && this.#stood.get(name) === stands?.status) continue;
      this.#wanted.set(name, status);
      this.#stood.set(name, stands?.status);
      this.#queue?.add(name);
    }
    for (const name of this.#wanted.keys()) {
      if (names.has(name)) continue;
      this.#wanted.delete(name);
      this.#stood.delete(name);
      this.#written.delete(name);
    }
  }

  /** To be called when this replica begins to lead: everything is compared with what stands. */
  lead(): void {
    for (const name of this.#wanted.keys()) this.#queue?.add(name);
  }

  /** Writes one status if it has to be written. Rejects with a KubeError, to be tried again. */
  async write(name: string): Promise<Outcome> {
    const { transport, isLeader, clock } = this.#options;
    const wanted = this.#wanted.get(name);
    if (wanted === undefined || !isLeader()) return { kind: "done" };
    const { kind, metadata } = wanted;
    const object = this.#standing(wanted);
    if (object === undefined) return { kind: "done" };
    const status = statusOf(wanted, object.status);
    const text = meaningOf(status);
    const last = this.#written.get(name);
    const now = clock.monotonic();
    // Right after a write, what stands here is older than what stands there.
    const isFresh = last !== undefined && now - last.atMs < writeMs;
    if (isFresh ? last.text === text : meaningOf(object.status) === text) return { kind: "done" };
    if (isFresh) return { kind: "waiting", afterMs: last.atMs + writeMs - now };
    try {
      await apply(
        transport,
        {
          apiVersion,
          kind,
          metadata: { name: metadata.name, ...(metadata.namespace && { namespace: metadata.namespace }) },
          status,
        },
        { fieldManager: "picket-status", force: true, subresource: "status" },
      );
    } catch (error) {
      if (error instanceof KubeError && error.code === "not-found") return { kind: "done" };
      throw error;
    }
    this.#written.set(name, { text, atMs: now });
    const failed = wanted.status.conditions.find((one) => one.status === "False" && !passing.has(one.reason));
    if (failed !== undefined) this.#options.tell(wanted, failed);
    return { kind: "done" };
  }

  #standing({ kind, metadata }: ObjectStatus): { readonly status: unknown } | undefined {
    const key = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
    return this.#options.standing(kind as FollowedKind, key);
  }
}

function nameOf({ kind, metadata }: ObjectStatus): string {
  return `${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
}

/** The status as the API server takes it; times of conditions that did not change are those that stand. */
function statusOf({ sourceGeneration, status }: ObjectStatus, standing: unknown): ApiPolicyStatus {
  const { conditions, revision, mode, proxies, scorers, overriddenBy, workloads, problems } = status;
  return {
    ...(sourceGeneration !== undefined && { observedGeneration: sourceGeneration }),
    revision,
    conditions: conditions.map(({ type, status: state, reason, message, lastTransitionTime }) => ({
      type,
      status: state,
      reason,
      message: cut(message),
      ...(sourceGeneration !== undefined && { observedGeneration: sourceGeneration }),
      lastTransitionTime: standingTime(standing, type, state) ?? lastTransitionTime,
    })),
    ...(mode !== undefined && { mode: modeWord(mode) }),
    ...(proxies && { proxies: countOf(proxies) }),
    ...(scorers && { scorers: countOf(scorers) }),
    ...(overriddenBy && { overriddenBy: overriddenBy.slice(0, listedMax) }),
    ...(workloads && {
      workloads: workloads.slice(0, listedMax).map(({ name, mode: own, revision: running, state, message }) => ({
        name,
        mode: modeWord(own),
        revision: running,
        state: state === "open" ? "Open" : "Closed",
        message: cut(message),
      })),
    }),
    problems: problems
      .slice(0, listedMax)
      .map(({ code, field, message, fix }) => ({ code, field: cut(field), message: cut(message), fix: cut(fix) })),
  };
}

/** Modes are capitalised in objects, and lower case elsewhere. */
function modeWord(mode: string): NonNullable<ApiPolicyStatus["mode"]> {
  return `${mode[0]!.toUpperCase()}${mode.slice(1)}` as NonNullable<ApiPolicyStatus["mode"]>;
}

function countOf({ current, total, rejected }: Count): NonNullable<ApiPolicyStatus["proxies"]> {
  return { current, total, rejected, summary: `${current}/${total}` };
}

function cut(text: string): string {
  return text.length > messageCharactersMax ? `${text.slice(0, messageCharactersMax - 1)}…` : text;
}

function standingTime(standing: unknown, type: string, state: string): string | undefined {
  if (!isRecord(standing) || !Array.isArray(standing["conditions"])) return undefined;
  const found = (standing["conditions"] as readonly unknown[]).find(
    (condition) => isRecord(condition) && condition["type"] === type && condition["status"] === state,
  );
  const time = isRecord(found) ? found["lastTransitionTime"] : undefined;
  return typeof time === "string" ? time : undefined;
}

/** What a status says, without when it began to. Keys in one order, since the API server has its own. */
function meaningOf(status: unknown): string {
  return JSON.stringify(status, (key, value: unknown) => {
    if (key === "lastTransitionTime") return undefined;
    return isRecord(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value;
  });
}
