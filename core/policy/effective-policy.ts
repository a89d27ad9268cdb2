import type { Identity, Workload } from "./identity.ts";
import type { Access, Denial, Failure, Guards, Limit, Mode, Policy, Rule } from "./policy.ts";

/** What holds where no policy says otherwise. */
export const failureDefault: Failure = { decision: "deny", timeoutMs: 100, keysMaxStaleMs: 24 * 60 * 60 * 1000 };
export const denialDefault: Denial = { body: "problem", showReason: false };

/** A rule with the policy it comes from; two gates may hold rules of one name. */
export interface EffectiveRule extends Rule {
  /** `namespace/name` of the policy that wrote this rule. */
  readonly policy: string;
}

/** One access decision. Every gate of an effective policy must allow. */
export interface Gate {
  /** `namespace/name` of the policy that set the default effect. */
  readonly policy: string;
  readonly default: Access["default"];
  /**
   * True for a floor without a default of its own: where one of its Allow rules matches, the demands of one of them
   * must hold; `default` is for what no rule matches. False: `default` also holds where no demands are met (`api.md`).
   */
  readonly demands: boolean;
  readonly rules: readonly EffectiveRule[];
}

export interface EffectiveLimit extends Limit {
  readonly policy: string;
}

/** Where one line of an effective policy comes from, for `picket policy effective`. */
export interface EffectiveLine {
  /** Field path in the words of the YAML, `access.rules[owner-reads-account]`, `failure.timeout`. */
  readonly field: string;
  /** What holds, in the words of the YAML: `Enforce`, `Allow GET /v1/accounts/{id}`, `100 per 1m by Principal`, `250ms`. */
  readonly value: string;
  readonly policy: string;
  readonly file: string;
  readonly line: number;
  /** `namespace/name` of the policies whose line gave way to this one. */
  readonly overrides: readonly string[];
}

/**
 * What one workload enforces: cluster, namespace and workload policies merged. The first gate is the merged default,
 * each floor is a gate of its own, so a floor can only take away.
 */
export interface EffectivePolicy {
  readonly workload: Workload;
  readonly mode: Mode;
  /** Empty only when no policy speaks about the workload; then nothing is judged. */
  readonly gates: readonly Gate[];
  readonly limits: readonly EffectiveLimit[];
  readonly guards: Guards;
  readonly failure: Failure;
  readonly denial: Denial;
  readonly identities: readonly Identity[];
  readonly lines: readonly EffectiveLine[];
  /** Policies that speak about this workload and take part. */
  readonly sources: readonly Policy[];
}

/** A finding about one object that does not stop the others. */
export interface Conflict {
  readonly policy: string;
  /** The older policy that holds instead. */
  readonly winner: string;
}
