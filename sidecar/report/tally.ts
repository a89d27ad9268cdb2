import type { Reason } from "../../core/verdict/reason.ts";
import type { ScorerMetrics } from "../metrics.ts";
import type { Decision } from "./decision-record.ts";

/** Policies summed apart; more are summed under `_other`. */
export const policiesCountedMax = 10_000;

/** Sums decisions in plain numbers on the check path; the metrics are brought up to date when somebody looks. */
export class Tally {
  readonly #metrics: ScorerMetrics;
  /** Policy (`namespace/name`), then `mode verdict`. Policies come from our own configuration. */
  readonly #decisions = new Map<string, Map<string, number>>();
  readonly #reasons = new Map<string, number>();
  readonly #shadow = new Map<string, Map<string, number>>();

  constructor(metrics: ScorerMetrics) {
    this.#metrics = metrics;
  }

  add(decision: Decision): void {
    const { verdict, shadow } = decision.judgement;
    const policy = verdict.evidence.policy ?? "";
    increment(inner(this.#decisions, policy), modeAndVerdict[decision.mode][verdict.kind]);
    increment(this.#reasons, verdict.reason);
    if (shadow !== undefined) increment(inner(this.#shadow, shadow.evidence.policy ?? ""), shadow.kind);
    else if (decision.mode === "shadow" && verdict.kind !== "allow")
      increment(inner(this.#shadow, policy), verdict.kind);
    // What the proxy decided by itself took the scorer no time.
    if (decision.by === "scorer") this.#metrics.duration.observe(decision.durationMs / 1000);
  }

  /** Counts an answer that is no decision. */
  addReason(reason: Reason): void {
    increment(this.#reasons, reason);
  }

  /** Policies that are summed apart now. */
  get policies(): number {
    return this.#decisions.size;
  }

  /** Moves what was summed into the metrics. */
  flush(verdictOf: (reason: string) => string): void {
    const { decisions, reasons, shadow } = this.#metrics;
    for (const [policy, counts] of this.#decisions) {
      for (const [key, count] of counts) {
        const [mode = "", verdict = ""] = key.split(" ");
        decisions.inc({ ...this.#labelsOf(policy), mode, verdict }, count);
      }
      counts.clear();
    }
    for (const [policy, counts] of this.#shadow) {
      for (const [verdict, count] of counts) shadow.inc({ ...this.#labelsOf(policy), verdict }, count);
      counts.clear();
    }
    for (const [reason, count] of this.#reasons) reasons.inc({ reason, verdict: verdictOf(reason) }, count);
    this.#reasons.clear();
  }

  #labelsOf(policy: string): { policy_namespace: string; policy: string } {
    if (policy === "") return { policy_namespace: "", policy: "_none" };
    const label = this.#metrics.policyLabel(policy);
    const slash = label.indexOf("/");
    return { policy_namespace: label.slice(0, Math.max(slash, 0)), policy: label.slice(slash + 1) };
  }
}

const verdicts = (mode: string) => ({
  allow: `${mode} allow`,
  deny: `${mode} deny`,
  challenge: `${mode} challenge`,
  throttle: `${mode} throttle`,
  error: `${mode} error`,
});
const modeAndVerdict = { observe: verdicts("observe"), shadow: verdicts("shadow"), enforce: verdicts("enforce") };

function inner(outer: Map<string, Map<string, number>>, policy: string): Map<string, number> {
  const name = outer.has(policy) || outer.size < policiesCountedMax ? policy : "_other";
  let counts = outer.get(name);
  if (counts === undefined) outer.set(name, (counts = new Map()));
  return counts;
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
