import { lines, metric, note, percentiles, quantile, rate, type Dashboard } from "./grafana.ts";

export const decisionPath: Dashboard = {
  uid: "picket-decision-path",
  title: "Decision path",
  description: "How fast and how reliably requests are judged.",
  rows: [
    {
      title: "How long does a decision take?",
      panels: [
        lines({
          title: "Time of a decision",
          description: "From the bytes of a Check to the bytes of its answer, inside the scorer.",
          unit: "s",
          targets: percentiles("picket_decision_duration_seconds"),
        }),
        {
          type: "heatmap",
          title: "Spread of that time",
          description: "How many decisions took how long.",
          unit: "short",
          targets: [{ expression: rate("picket_decision_duration_seconds_bucket", ["le"]), legend: "{{le}}" }],
        },
        lines({
          title: "Slowest hundredth by replica",
          description: "One replica alone points to its node, all of them to load or a policy.",
          unit: "s",
          targets: [
            {
              expression: `histogram_quantile(0.99, ${rate("picket_decision_duration_seconds_bucket", ["le", "instance"])})`,
              legend: "{{instance}}",
            },
          ],
        }),
        lines({
          title: "Decisions by replica",
          description: "Should be alike; proxies spread their questions over the scorers.",
          unit: "reqps",
          targets: [
            { expression: rate("picket_decision_duration_seconds_count", ["instance"]), legend: "{{instance}}" },
          ],
          stacked: true,
        }),
      ],
    },
    {
      title: "Where was no decision?",
      panels: [
        lines({
          title: "Fallbacks",
          description: "Requests that a proxy decided by the failure mode: `allow` passed unjudged, `deny` got 503.",
          unit: "reqps",
          targets: [{ expression: rate("picket_fallbacks_total", ["fallback"]), legend: "{{fallback}}" }],
        }),
        lines({
          title: "Faults of scorers",
          description: "Each was answered by the failure mode. Any is worth a look into the log.",
          unit: "cps",
          targets: [{ expression: rate("picket_decision_errors_total", ["stage"]), legend: "{{stage}}" }],
        }),
        lines({
          title: "Errors by reason",
          description: "Verdicts `error`: nobody could decide, or the application did not answer.",
          unit: "reqps",
          targets: [
            {
              expression: rate("picket_decision_reasons_total", ["reason"], 'verdict="error"'),
              legend: "{{reason}}",
            },
          ],
        }),
        lines({
          title: "Connected to the operator",
          description: "1 while a scorer is connected. Without the operator its last policies stay in force.",
          unit: "bool_on_off",
          targets: [
            { expression: `min by (instance) (${metric("picket_operator_connected")})`, legend: "{{instance}}" },
          ],
        }),
      ],
    },
    {
      title: "How soon is a change in force?",
      panels: [
        lines({
          title: "From published to running",
          description: "Time until a connected proxy or scorer runs what was published.",
          unit: "s",
          targets: [
            { expression: quantile(0.5, "picket_config_propagation_seconds"), legend: "p50" },
            { expression: quantile(0.99, "picket_config_propagation_seconds"), legend: "p99" },
          ],
        }),
        lines({
          title: "Age of the last change",
          description: "By scorer and operator. A scorer that lags behind the others judges by old rules.",
          unit: "s",
          targets: [
            {
              expression: `time() - max by (instance) (${metric("picket_config_applied_timestamp_seconds")} > 0)`,
              legend: "{{instance}}",
            },
          ],
        }),
      ],
    },
    {
      title: "What does it hold and tell?",
      panels: [
        lines({
          title: "Keys in bounded tables",
          description: "Keys of limits and decisions kept.",
          unit: "short",
          targets: [{ expression: `sum by (kind) (${metric("picket_state_keys")})`, legend: "{{kind}}" }],
        }),
        lines({
          title: "Memory of bounded tables",
          description: "It has a bound; at the bound keys give way.",
          unit: "bytes",
          targets: [{ expression: `sum by (kind) (${metric("picket_state_bytes")})`, legend: "{{kind}}" }],
        }),
        lines({
          title: "Response channel",
          description: "Entries of the proxies' access log, and those whose decision is no longer known.",
          unit: "cps",
          targets: [
            { expression: rate("picket_als_events_total", []), legend: "arrived" },
            { expression: rate("picket_als_unmatched_total", []), legend: "unmatched" },
          ],
        }),
        lines({
          title: "Decision log",
          description: "Decisions written and dropped. A dropped one cannot be explained later.",
          unit: "cps",
          targets: [
            { expression: rate("picket_decision_log_written_total", []), legend: "written" },
            { expression: rate("picket_decision_log_dropped_total", []), legend: "dropped" },
          ],
        }),
        note(
          "To come",
          "Times by phase (identity, policy, features, model, state) and shed requests follow with models and shared state. A check is judged in one go, so there is never more than one in flight in a scorer.",
        ),
      ],
    },
  ],
};
