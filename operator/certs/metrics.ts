import { gauge, type Registry } from "../../platform/metrics.ts";

export type CertificateMetrics = ReturnType<typeof createCertificateMetrics>;

export function createCertificateMetrics(registry: Registry) {
  return {
    expiry: gauge(registry, {
      name: "picket_certificate_expiry_timestamp_seconds",
      help: "When a certificate of the install ends: authority, operator, scorer.",
      labels: ["certificate"],
    }),
  };
}
