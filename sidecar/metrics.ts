import {
  boundedLabel,
  buildInfo,
  counter,
  FastHistogram,
  gauge,
  labelValuesMax,
  type Registry,
} from "../platform/metrics.ts";

/** Workloads counted apart in `picket_api_responses_total`. */
const apisMax = 300;

/** Metrics of the scorer. docs/reference/metrics.md lists them; a test compares both ways. */
export function createScorerMetrics(registry: Registry) {
  const labelOverflows = counter<"family">(registry, {
    name: "picket_label_overflow_total",
    help: "Label values that were counted under _other because the family was full.",
    labels: ["family"],
  });
  const fallbacks = counter<"fallback">(registry, {
    name: "picket_fallbacks_total",
    help: "Requests that a proxy decided by the failure mode since no scorer answered it: allow (passed unjudged), deny.",
    labels: ["fallback"],
  });
  // There from the start: a first increase must be seen as one.
  for (const fallback of ["allow", "deny"]) fallbacks.inc({ fallback }, 0);
  return {
    build: buildInfo(registry, "scorer"),
    decisions: counter<"policy_namespace" | "policy" | "mode" | "verdict">(registry, {
      name: "picket_decisions_total",
      help: "Decisions by deciding policy (_none before any), mode and verdict; in Shadow what Enforce would have said.",
      labels: ["policy_namespace", "policy", "mode", "verdict"],
    }),
    reasons: counter<"reason" | "verdict">(registry, {
      name: "picket_decision_reasons_total",
      help: "Decisions by reason, and refused questions of strangers.",
      labels: ["reason", "verdict"],
    }),
    shadow: counter<"policy_namespace" | "policy" | "verdict">(registry, {
      name: "picket_shadow_verdicts_total",
      help: "Verdicts that a policy or section in a milder mode did not enforce.",
      labels: ["policy_namespace", "policy", "verdict"],
    }),
    duration: new FastHistogram(registry, {
      name: "picket_decision_duration_seconds",
      help: "Time from the bytes of a Check to the bytes of its answer.",
      buckets: [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25],
    }),
    faults: counter<"stage">(registry, {
      name: "picket_decision_errors_total",
      help: "Faults inside the scorer; each was answered by the failure mode.",
      labels: ["stage"],
    }),
    decisionsWritten: counter(registry, {
      name: "picket_decision_log_written_total",
      help: "Decisions written to the decision log.",
    }),
    decisionsDropped: counter(registry, {
      name: "picket_decision_log_dropped_total",
      help: "Decisions not written because the queue was full or the file could not be written.",
    }),
    accessLogEntries: counter(registry, {
      name: "picket_als_events_total",
      help: "Entries of the proxies' access log that arrived.",
    }),
    accessLogUnmatched: counter(registry, {
      name: "picket_als_unmatched_total",
      help: "Entries of the access log whose decision is not, or no longer, known.",
    }),
    accessLogUnproven: counter(registry, {
      name: "picket_als_unproven_total",
      help: "Entries of the access log that were dropped because they did not carry their workload's key.",
    }),
    responses: counter<"api" | "code_class">(registry, {
      name: "picket_api_responses_total",
      help: "Answers to callers by workload (namespace/name) and class of status, Picket's own included.",
      labels: ["api", "code_class"],
    }),
    fallbacks,
    stateKeys: gauge<"kind">(registry, {
      name: "picket_state_keys",
      help: "Keys held in bounded tables.",
      labels: ["kind"],
    }),
    stateBytes: gauge<"kind">(registry, {
      name: "picket_state_bytes",
      help: "Memory of bounded tables.",
      labels: ["kind"],
    }),
    stateEvictions: gauge<"kind">(registry, {
      name: "picket_state_evictions",
      help: "Keys that gave way to others in bounded tables since the policy was compiled.",
      labels: ["kind"],
    }),
    configApplied: gauge(registry, {
      name: "picket_config_applied_timestamp_seconds",
      help: "When the last change of policies was compiled here.",
    }),
    configApplies: counter<"result">(registry, {
      name: "picket_config_applies_total",
      help: "Changes of policies received, by result.",
      labels: ["result"],
    }),
    operatorConnected: gauge(registry, {
      name: "picket_operator_connected",
      help: "1 while the operator is connected; without it the last policies stay in force.",
    }),
    labelOverflows,
    policyLabel: boundedLabel(labelValuesMax, () => labelOverflows.inc({ family: "policy" })),
    apiLabel: boundedLabel(apisMax, () => labelOverflows.inc({ family: "api" })),
  };
}

export type ScorerMetrics = ReturnType<typeof createScorerMetrics>;
