import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { createHash, randomBytes, webcrypto } from "node:crypto";
import type { EpochMs, Millis } from "../../core/limits/time.ts";
import { Secret } from "../../platform/secret.ts";

const day = 24 * 60 * 60 * 1000;

/** Life of an authority and of what it signs. Both are renewed after two thirds of it. */
export const authorityLifeMs: Millis = 365 * day;
export const leafLifeMs: Millis = 30 * day;

/** Clocks of machines differ: what is issued now was valid a little before. */
const backdateMs: Millis = 5 * 60 * 1000;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const usages: readonly KeyUsage[] = ["sign", "verify"];
type KeyUsage = "sign" | "verify";

/** A certificate with its key, both as PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: Secret;
}

/** What is read from a certificate. */
export interface CertificateFacts {
  /** When it was issued; it is valid from a little before. */
  readonly fromMs: EpochMs;
  readonly untilMs: EpochMs;
  /** DNS names in the order of the certificate. */
  readonly names: readonly string[];
  /** Whether it may sign others. */
  readonly isAuthority: boolean;
  /** SHA-256 of the whole certificate, hexadecimal. */
  readonly digest: string;
}

/** A new authority: ECDSA P-256, self-signed, may sign end certificates only (RFC 5280 section 4.2.1.9). */
export async function createAuthority(nowMs: EpochMs): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, [...usages]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=picket authority ${new Date(nowMs).toISOString().slice(0, 10)}`,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(nowMs + authorityLifeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** A certificate for servers of these names, signed by an authority, with a key of its own. */
export async function issueLeaf(authority: Issued, names: readonly string[], nowMs: EpochMs): Promise<Issued> {
  const signer = new x509.X509Certificate(authority.certificate);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, [...usages]);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", derOf(authority.key.reveal()), algorithm, false, [
    "sign",
  ]);
  // Nothing outlives who vouches for it.
  const untilMs = Math.min(nowMs + leafLifeMs, signer.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    // The common name is not read any more, and has a bound that names exceed (RFC 6125 section 6.4.4).
    subject: "CN=picket",
    issuer: signer.subject,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(untilMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value }))),
      await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** Undefined for what is no certificate. */
export function readCertificate(pem: string): CertificateFacts | undefined {
  try {
    const certificate = new x509.X509Certificate(pem);
    const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
    return {
      fromMs: certificate.notBefore.getTime() + backdateMs,
      untilMs: certificate.notAfter.getTime(),
      names: names.flatMap(({ type, value }) => (type === "dns" ? [value] : [])),
      isAuthority: certificate.getExtension(x509.BasicConstraintsExtension)?.ca === true,
      digest: digestOf(certificate),
    };
  } catch {
    return undefined;
  }
}

/** Whether an authority signed a certificate. */
export async function isSignedBy(leafPem: string, authorityPem: string): Promise<boolean> {
  try {
    const leaf = new x509.X509Certificate(leafPem);
    const authority = new x509.X509Certificate(authorityPem);
    return await leaf.verify({ publicKey: authority.publicKey, signatureOnly: true });
  } catch {
    return false;
  }
}

function digestOf(certificate: x509.X509Certificate): string {
  return createHash("sha256").update(new Uint8Array(certificate.rawData)).digest("hex");
}

async function exportKey(key: webcrypto.CryptoKey): Promise<Secret> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return new Secret(
    `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join("\n") ?? ""}\n-----END PRIVATE KEY-----\n`,
  );
}

function derOf(pem: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64"));
}

/** Positive and of twenty bytes at most (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}
