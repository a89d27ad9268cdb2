import type { Clock } from "../../platform/clock.ts";
import type { AnsweredCall } from "../accesslog/intake.ts";
import type { DecisionIds } from "../check/decision-ids.ts";
import type { ScorerMetrics } from "../metrics.ts";
import type { Decision } from "./decision-record.ts";
import type { DecisionRing } from "./decision-ring.ts";
import type { ProxyRefusals } from "./proxy-refusals.ts";

export interface ResponseParts {
  readonly metrics: ScorerMetrics;
  readonly clock: Clock;
  readonly ids: DecisionIds;
  readonly ring: DecisionRing;
  readonly proxyRefusals: ProxyRefusals;
  /** Takes what a proxy refused by itself. */
  readonly refused: (refusal: Decision) => void;
}

/** Takes what the response channel tells of a request: counts it, and adds the status to its decision. */
export function createResponseIntake(parts: ResponseParts): (call: AnsweredCall) => void {
  const { metrics, clock, ids, ring, proxyRefusals, refused } = parts;
  return (call) => {
    const { decision, workload, status } = call;
    metrics.accessLogEntries.inc();
    metrics.responses.inc({ api: metrics.apiLabel(workload), code_class: classOf(status) });
    if (decision !== "") {
      const known = ring.find(decision, ids.numberOf(decision));
      if (known === undefined) metrics.accessLogUnmatched.inc();
      else known.responseStatus = status;
      return;
    }
    if (call.passedUnjudged) metrics.fallbacks.inc({ fallback: "allow" });
    if (call.proxyReason === "scorer-unavailable") metrics.fallbacks.inc({ fallback: "deny" });
    const refusal = proxyRefusals.take(call, clock.now());
    if (refusal !== undefined) refused(refusal);
  };
}

function classOf(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : "none";
}
