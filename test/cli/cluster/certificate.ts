import "reflect-metadata";
import { X509CertificateGenerator } from "@peculiar/x509";
import { webcrypto } from "node:crypto";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate that signs itself and ends then, as PEM. */
export async function certificateUntil(endMs: number): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=picket test",
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(endMs - 365 * 86_400_000),
    notAfter: new Date(endMs),
  });
  return `${certificate.toString("pem")}\n`;
}
