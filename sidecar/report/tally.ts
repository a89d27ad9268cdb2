import type { ScorerMetrics } from "../metrics.ts";
import type { Decision } from "./decision-record.ts";

/** Sums decisions in plain numbers on the check path; the metrics are brought up to date when somebody looks. */
export class Tally {
  readonly #metrics: ScorerMetrics;
  /** Workload, then `mode verdict`. Workloads come from our own configuration and are bounded by the policy store. */
  readonly #decisions = new Map<string, Map<string, number>>();
  readonly #reasons = new Map<string, number>();
  readonly #shadow = new Map<string, Map<string, number>>();

  constructor(metrics: ScorerMetrics) {
    this.#metrics = metrics;
  }

  add(decision: Decision): void {
    const { verdict, shadow } = decision.judgement;
    increment(inner(this.#decisions, decision.workload), modeAndVerdict[decision.mode][verdict.kind]);
    increment(this.#reasons, verdict.reason);
    if (shadow !== undefined) increment(inner(this.#shadow, decision.workload), shadow.kind);
    else if (decision.mode === "shadow" && verdict.kind !== "allow") {
      increment(inner(this.#shadow, decision.workload), verdict.kind);
    }
    this.#metrics.duration.observe(decision.durationMs / 1000);
  }

  /** Moves what was summed into the metrics. */
  flush(verdictOf: (reason: string) => string): void {
    const { decisions, reasons, shadow, workloadLabel } = this.#metrics;
    for (const [workload, counts] of this.#decisions) {
      for (const [key, count] of counts) {
        const [mode = "", verdict = ""] = key.split(" ");
        decisions.inc({ workload: workloadLabel(workload), mode, verdict }, count);
      }
      counts.clear();
    }
    for (const [workload, counts] of this.#shadow) {
      for (const [verdict, count] of counts) shadow.inc({ workload: workloadLabel(workload), verdict }, count);
      counts.clear();
    }
    for (const [reason, count] of this.#reasons) reasons.inc({ reason, verdict: verdictOf(reason) }, count);
    this.#reasons.clear();
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

/** Workloads counted apart; one that our configuration does not know counts under its own name only up to here. */
const workloadsCountedMax = 10_000;

function inner(outer: Map<string, Map<string, number>>, workload: string): Map<string, number> {
  const name = outer.has(workload) || outer.size < workloadsCountedMax ? workload : "_other";
  let counts = outer.get(name);
  if (counts === undefined) outer.set(name, (counts = new Map()));
  return counts;
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
