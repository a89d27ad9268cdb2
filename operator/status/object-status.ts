import type { ObjectId } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";

/** Conditions as Gateway API writes them. */
export interface Condition {
  readonly type: "Accepted" | "ResolvedRefs" | "Programmed";
  readonly status: "True" | "False";
  /** One word from a closed list. */
  readonly reason: ConditionReason;
  readonly message: string;
  readonly observedGeneration: string;
  readonly lastTransitionTime: string;
}

export const conditionReasons = [
  "Accepted",
  "Invalid",
  "Unsupported",
  "KeptLastGood",
  "Conflicted",
  "TargetNotFound",
  "IdentityNotFound",
  "ResolvedRefs",
  "RefNotResolved",
  "Programmed",
  "NoWorkloads",
  "NoProxies",
  "NoScorers",
  "Pending",
  "Rejected",
  "Unproven",
  "Closed",
  "KeysStale",
  "KeysMissing",
  "KeysKept",
] as const;
export type ConditionReason = (typeof conditionReasons)[number];

/** How many run it, counted. */
export interface Count {
  readonly current: number;
  readonly total: number;
  readonly rejected: number;
}

export interface WorkloadStatus {
  readonly name: string;
  readonly mode: string;
  readonly revision: string;
  readonly state: "open" | "closed";
  readonly proven: boolean;
  readonly message: string;
}

/** What is known of one object; `picket status` and the state folder show it as it is. */
export interface ObjectStatus {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace?: string; readonly name: string };
  readonly file: string;
  readonly line: number;
  /** `metadata.generation` that this is about, where the source counts them. */
  readonly sourceGeneration?: number;
  readonly status: {
    readonly conditions: readonly Condition[];
    /** Content hash of what the source holds now. */
    readonly observedGeneration: string;
    /** Content hash of what is in force; empty when nothing is. */
    readonly revision: string;
    readonly mode?: string;
    readonly proxies?: Count;
    readonly scorers?: Count;
    readonly overriddenBy?: readonly string[];
    readonly workloads?: readonly WorkloadStatus[];
    readonly problems: readonly ObjectProblem[];
  };
}

/** A condition before it has its time. */
export type NewCondition = Omit<Condition, "observedGeneration" | "lastTransitionTime">;

export function conditionOf(status: ObjectStatus, type: Condition["type"]): Condition | undefined {
  return status.status.conditions.find((condition) => condition.type === type);
}

/** `ApiPolicy/bank.accounts`: the name of the file that holds the status. */
export function statusName(id: ObjectId): string {
  const name = id.namespace === "" ? id.name : `${id.namespace}.${id.name}`;
  return `${fileName(id.kind)}/${fileName(name)}`;
}

/** The name of a bad object may be anything, and must not lead out of the folder. */
function fileName(text: string): string {
  return encodeURIComponent(text.slice(0, 120).toWellFormed()).replace(/^\./, "%2E");
}
