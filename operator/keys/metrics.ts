import { boundedLabel, counter, gauge, labelValuesMax, type Registry } from "../../platform/metrics.ts";

/** Issuers counted apart; more are counted under `_other`. */
export const issuersCountedMax = 16;

export type KeyMetrics = ReturnType<typeof createKeyMetrics>;

/** What is known of the keys of issuers. */
export function createKeyMetrics(registry: Registry) {
  return {
    age: gauge(registry, {
      name: "picket_jwks_age_seconds",
      help: "Age of the keys that are used of an identity (namespace/name), the oldest where it has several issuers.",
      labels: ["provider"],
    }),
    refreshes: counter(registry, {
      name: "picket_jwks_refreshes_total",
      help: "Fetches of keys by identity and by what came of them: changed, same, or why they failed.",
      labels: ["issuer", "result"],
    }),
    providerLabel: boundedLabel(labelValuesMax, () => undefined),
    issuerLabel: boundedLabel(issuersCountedMax, () => undefined),
  };
}
