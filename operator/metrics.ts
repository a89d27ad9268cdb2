import { buildInfo, counter, gauge, histogram, type Registry } from "../platform/metrics.ts";
import { createCertificateMetrics } from "./certs/metrics.ts";
import { createInjectionMetrics } from "./inject/metrics.ts";
import { createKeyMetrics } from "./keys/metrics.ts";
import { createKubeMetrics } from "./kube/metrics.ts";
import { createXdsMetrics } from "./xds/metrics.ts";

/** Everything that the operator counts. Labels are closed sets. */
export type OperatorMetrics = ReturnType<typeof createOperatorMetrics>;

export function createOperatorMetrics(registry: Registry) {
  return {
    build: buildInfo(registry, "operator"),
    xds: createXdsMetrics(registry),
    kube: createKubeMetrics(registry),
    injection: createInjectionMetrics(registry),
    certificates: createCertificateMetrics(registry),
    keys: createKeyMetrics(registry),
    policies: gauge(registry, {
      name: "picket_policies",
      help: "Policies by condition and mode.",
      labels: ["condition", "mode"],
    }),
    sidecars: gauge(registry, {
      name: "picket_sidecars",
      help: "Connected proxies by whether they run what is published: synced, stale, rejected.",
      labels: ["state"],
    }),
    scorers: gauge(registry, {
      name: "picket_scorers",
      help: "Connected scorers by whether they run what is published: synced, stale, rejected.",
      labels: ["state"],
    }),
    workloadsClosed: gauge(registry, {
      name: "picket_workloads_closed",
      help: "Workloads that answer 503 to everything, by cause.",
      labels: ["reason"],
    }),
    workloadsUnproven: gauge(registry, {
      name: "picket_workloads_unproven",
      help: "Enforced workloads of which no request has shown yet that it is judged.",
    }),
    canaryFailures: counter(registry, {
      name: "picket_canary_failures_total",
      help: "Times that an application answered a request which its policy refuses.",
    }),
    objectProblems: gauge(registry, {
      name: "picket_object_problems",
      help: "Problems in the objects of the source.",
    }),
    reconciles: counter(registry, {
      name: "picket_reconciles_total",
      help: "Runs of the reconciler by result.",
      labels: ["controller", "result"],
    }),
    reconcileSeconds: histogram(registry, {
      name: "picket_reconcile_duration_seconds",
      help: "Duration of one run of the reconciler.",
      labels: ["controller"],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    }),
    applied: gauge(registry, {
      name: "picket_config_applied_timestamp_seconds",
      help: "When a change of the configuration was last published.",
    }),
    faults: counter(registry, {
      name: "picket_faults_total",
      help: "Faults that nobody caught.",
    }),
  };
}
