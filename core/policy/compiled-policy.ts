import type { DemandCheck } from "../access/demands.ts";
import type { OperationTree } from "../catalog/tree.ts";
import type { Template } from "../catalog/template.ts";
import type { Call } from "../access/call.ts";
import type { EpochMs } from "../limits/time.ts";
import type { Evidence } from "../verdict/verdict.ts";
import type { EffectiveLimit, EffectivePolicy } from "./effective-policy.ts";

/** What is judged with: an effective policy without where its lines come from. */
export type PolicyToCompile = Pick<EffectivePolicy, "mode" | "gates" | "limits" | "guards" | "failure" | "denial"> & {
  /** `namespace/name` of the workload. */
  readonly workload: string;
  readonly revision: string;
  /** Path that is always denied with reason `canary`; empty: none. */
  readonly canaryPath: string;
};

/** What a `when` may read beside the call: parameters of the matching template, and the time. */
export interface WhenContext {
  readonly call: Call;
  readonly nowMs: EpochMs;
  /** Decoded path parameter, undefined when the template has none of that name. */
  parameter(name: string): string | undefined;
}

/** True, false, or undefined when it cannot be evaluated. Never throws. */
export type WhenPredicate = (context: WhenContext) => boolean | undefined;

/** One rule on one of its path templates. */
export interface CompiledEntry {
  readonly template: Template;
  readonly demands: DemandCheck;
  /** 0: none demanded. */
  readonly level: number;
  readonly when: WhenPredicate | undefined;
  /** Static cost of `when`, 0 without one. */
  readonly whenCost: number;
  /** Made once; a verdict of this entry carries it as it is. */
  readonly evidence: Evidence;
}

export interface CompiledGate {
  readonly default: "allow" | "deny";
  readonly demands: boolean;
  readonly allowTree: OperationTree;
  readonly allowEntries: readonly CompiledEntry[];
  readonly denyTree: OperationTree | undefined;
  readonly denyEntries: readonly CompiledEntry[];
  /** Evidence where no rule decided. */
  readonly evidence: Evidence;
}

export interface CompiledLimit {
  readonly limit: EffectiveLimit;
  /** Undefined: every request. */
  readonly tree: OperationTree | undefined;
  readonly evidence: Evidence;
  /** True where the limit's own mode is milder than the policy's: counted, never refused. */
  readonly isShadow: boolean;
}

/** An effective policy ready to judge requests. Immutable; swapped whole when the policy changes. */
export interface CompiledPolicy {
  readonly source: PolicyToCompile;
  readonly gates: readonly CompiledGate[];
  readonly limits: readonly CompiledLimit[];
  /** Every operation that a rule or limit names, for naming and for limits per operation. */
  readonly operations: OperationTree;
  readonly operationNames: readonly string[];
  /** True where a limit's key names the operation. */
  readonly countsOperations: boolean;
  readonly canaryEvidence: Evidence;
}
