import { createKubeMetrics, type KubeMetrics } from "../../../operator/kube/metrics.ts";
import type { Clock } from "../../../platform/clock.ts";
import { createLog, type Log } from "../../../platform/log.ts";
import { Registry } from "../../../platform/metrics.ts";

/** A log that nobody reads. */
export function silentLog(clock: Clock): Log {
  return createLog({ level: "error", format: "text", clock, write: () => {} });
}

/** Metrics of the client layer, and what one of them says. */
export function countedMetrics(): { metrics: KubeMetrics; value: (name: string, labels?: object) => Promise<number> } {
  const registry = new Registry();
  return {
    metrics: createKubeMetrics(registry),
    value: async (name, labels = {}) => {
      const values = (await registry.getSingleMetric(name)?.get())?.values ?? [];
      return values
        .filter(({ labels: held }) => Object.entries(labels).every(([key, value]) => held[key] === value))
        .reduce((sum, { value }) => sum + value, 0);
    },
  };
}
