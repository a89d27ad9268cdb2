import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import type { InstallConfig, Workload } from "../../core/policy/identity.ts";
import type { CallPlan } from "./call-plan.ts";
import type { EnvoyResources, Resource } from "./resource.ts";

/** Where a program of ours listens. */
export type Endpoint =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "address"; readonly host: string; readonly port: number };

/** A key set that the operator fetched. */
export interface FetchedKeys {
  /** The answer of the issuer, checked again here. */
  readonly jwks: string;
  /** True once it is older than the policy accepts. */
  readonly stale: boolean;
}

export interface TranslateOptions {
  /** Where the scorer answers Check. */
  readonly scorer: Endpoint;
  /** Where the scorer takes the access log. */
  readonly accessLog: Endpoint;
  /** Key sets by the `uri` of the issuer; a missing one means that every credential of that issuer fails. */
  readonly keys: ReadonlyMap<string, FetchedKeys>;
}

/** What one workload becomes. */
export interface Translation {
  readonly envoy: EnvoyResources;
  readonly scorer: Resource;
  /** Content hash of what the scorer enforces; proxies name it with each Check. */
  readonly revision: string;
  /** Always refused with reason `canary` by a scorer that runs this revision. */
  readonly canaryPath: string;
  /** Per operation: who decides what and why. The last one stands for everything else. */
  readonly plan: readonly CallPlan[];
  /** Sentences about parts of the policy that could not be translated as meant; each of them takes away, none adds. */
  readonly problems: readonly string[];
}
