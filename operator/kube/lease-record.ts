import { KubeError } from "./error.ts";
import { isObject, isRecord, type ObjectMeta } from "./object.ts";

/** Longest that a lease of others is respected without renewal; a record that says years must not end all elections. */
const leaseSecondsMax = 60;

/** What a Lease says. */
export interface LeaseRecord {
  /** Empty: nobody. */
  readonly holder: string;
  /** How long it holds without renewal. */
  readonly seconds: number;
  /** How often it went from one to another. */
  readonly transitions: number;
  readonly resourceVersion: string;
  readonly metadata: ObjectMeta;
  /** All of it, so that what we do not know is written back. */
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Reads a Lease. Throws a KubeError `malformed` for anything else. */
export function readLease(answer: unknown): LeaseRecord {
  if (!isObject(answer)) {
    throw new KubeError({ code: "malformed", status: 200, reason: "NoLease", message: "the answer is no Lease" });
  }
  const spec = isRecord(answer.spec) ? answer.spec : {};
  const { holderIdentity, leaseDurationSeconds, leaseTransitions } = spec;
  return {
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    seconds: Math.min(natural(leaseDurationSeconds), leaseSecondsMax),
    transitions: natural(leaseTransitions),
    resourceVersion: answer.metadata.resourceVersion,
    metadata: answer.metadata,
    spec,
  };
}

function natural(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
