import { X509Certificate } from "node:crypto";

/** Certificates of one text that are looked at; a trust bundle has two while it rotates. */
const certificatesMax = 32;

/** What of a certificate is checked. */
export interface CertificateFacts {
  readonly fingerprint: string;
  readonly expiresMs: number;
}

/** The certificates of a PEM text; undefined when one of them does not read, or there is none. */
export function readCertificates(pem: string): readonly CertificateFacts[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return undefined;
  try {
    return blocks.slice(0, certificatesMax).map((block) => {
      const certificate = new X509Certificate(block);
      return { fingerprint: certificate.fingerprint256, expiresMs: Date.parse(certificate.validTo) };
    });
  } catch {
    return undefined;
  }
}

/** Text that an object holds in base64, as Secrets and webhooks do. */
export function decodeBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}
