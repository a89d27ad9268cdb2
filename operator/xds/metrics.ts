import { counter, gauge, histogram, type Registry } from "../../platform/metrics.ts";

/** What the ADS server counts. Labels are closed sets. */
export type XdsMetrics = ReturnType<typeof createXdsMetrics>;

export function createXdsMetrics(registry: Registry) {
  return {
    /** Answers by what became of them. */
    answers: counter(registry, {
      name: "picket_xds_answers_total",
      help: "Configuration answers by type and outcome: sent, accepted, rejected, stale.",
      labels: ["type", "result"],
    }),
    applies: counter(registry, {
      name: "picket_config_applies_total",
      help: "Configurations that proxies and scorers accepted or rejected.",
      labels: ["result"],
    }),
    propagationSeconds: histogram(registry, {
      name: "picket_config_propagation_seconds",
      help: "Time from publishing a resource until a connected client runs it.",
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    }),
    streams: gauge(registry, {
      name: "picket_xds_clients",
      help: "Clients connected for configuration, by group.",
      labels: ["group"],
    }),
    identities: counter(registry, {
      name: "picket_xds_identities_total",
      help: "Clients that came with a token: known, or why not: token-missing, token-refused, token-foreign, pod-unknown, review-failed, busy.",
      labels: ["result"],
    }),
    refusals: counter(registry, {
      name: "picket_xds_refusals_total",
      help: "Requests, streams or connections that were not served, by cause: type, node, identity, bound, rate, streams, slow, openings, fault.",
      labels: ["cause"],
    }),
  };
}
