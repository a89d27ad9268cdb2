import type { Identity, InstallConfig, Workload } from "../../core/policy/identity.ts";
import type { Policy } from "../../core/policy/policy.ts";

/** Every object that takes part, in its good form. */
export interface InForce {
  readonly policies: readonly Policy[];
  readonly identities: readonly Identity[];
  readonly workloads: readonly Workload[];
  readonly config: InstallConfig | undefined;
}

export const policyKinds: ReadonlySet<string> = new Set(["ApiPolicy", "ClusterApiPolicy"]);
export const identityKinds: ReadonlySet<string> = new Set(["ApiIdentity", "ClusterApiIdentity"]);
