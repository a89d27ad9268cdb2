import { counter, gauge, type Registry } from "../../platform/metrics.ts";

export type InjectionMetrics = ReturnType<typeof createInjectionMetrics>;

/** What the webhook counts, and what the look-out for unprotected pods finds. */
export function createInjectionMetrics(registry: Registry) {
  return {
    injections: counter(registry, {
      name: "picket_injections_total",
      help: "Pods that the webhook was asked about, by what became of them: injected, skipped, refused, marked, failed.",
      labels: ["result"],
    }),
    unprotectedPods: gauge(registry, {
      name: "picket_unprotected_pods",
      help: "Pods that should have a sidecar and have none that works, by reason.",
      labels: ["reason"],
    }),
  };
}
