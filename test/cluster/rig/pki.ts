import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type JsonGeneralName,
  type X509Certificate,
} from "@peculiar/x509";

/** Names and addresses that the API server answers to. */
export interface PkiNames {
  readonly nodeName: string;
  readonly addresses: readonly string[];
}

const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const;
const lifeMs = 2 * 24 * 3_600_000;
/** Clocks of containers may lag a little. */
const backdateMs = 3_600_000;

interface Authority {
  readonly certificate: X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

/** Makes the keys and certificates of one cluster, `NAME.crt` and `NAME.key` in the folder. They live two days. */
export async function makePki(folder: string, { nodeName, addresses }: PkiNames): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [cluster, frontProxy] = await Promise.all([authority(folder, "ca"), authority(folder, "front-proxy-ca")]);
  const service = "kubernetes.default.svc";
  const names = ["localhost", "kubernetes", "kubernetes.default", service, `${service}.cluster.local`];
  const loopback = "127.0.0.1";
  await Promise.all([
    leaf(folder, "apiserver", "CN=kube-apiserver", cluster, [...names, loopback, ...addresses]),
    leaf(folder, "admin", "O=system:masters, CN=picket-admin", cluster),
    leaf(folder, "controller-manager", "CN=system:kube-controller-manager", cluster),
    leaf(folder, "scheduler", "CN=system:kube-scheduler", cluster),
    leaf(folder, "kube-proxy", "CN=system:kube-proxy", cluster),
    leaf(folder, "node", `O=system:nodes, CN=system:node:${nodeName}`, cluster, [nodeName, loopback, ...addresses]),
    leaf(folder, "kubelet-client", "O=system:masters, CN=kubelet-client", cluster),
    leaf(folder, "front-proxy-client", "CN=front-proxy-client", frontProxy),
    serviceAccountKeys(folder),
  ]);
}

async function authority(folder: string, name: string): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=picket-test-${name}`,
    keys,
    signingAlgorithm,
    ...validity(),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  await write(folder, name, certificate, keys.privateKey);
  return { certificate, key: keys.privateKey };
}

async function leaf(
  folder: string,
  name: string,
  subject: string,
  issuer: Authority,
  alternatives: readonly string[] = [],
): Promise<void> {
  const keys = await newKeys();
  const generalNames = alternatives.map((value): JsonGeneralName => ({
    type: /^[\d.]+$/.test(value) ? "ip" : "dns",
    value,
  }));
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: issuer.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: issuer.key,
    signingAlgorithm,
    ...validity(),
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      ...(generalNames.length > 0 ? [new SubjectAlternativeNameExtension(generalNames)] : []),
    ],
  });
  await write(folder, name, certificate, keys.privateKey);
}

/** The pair that signs and checks tokens of service accounts. */
async function serviceAccountKeys(folder: string): Promise<void> {
  const { privateKey, publicKey } = await newKeys();
  writeFileSync(join(folder, "sa.key"), pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", privateKey)), {
    mode: 0o600,
  });
  writeFileSync(join(folder, "sa.pub"), pem("PUBLIC KEY", await crypto.subtle.exportKey("spki", publicKey)));
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function validity(): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - backdateMs), notAfter: new Date(now + lifeMs) };
}

async function write(
  folder: string,
  name: string,
  certificate: X509Certificate,
  key: webcrypto.CryptoKey,
): Promise<void> {
  writeFileSync(join(folder, `${name}.crt`), `${certificate.toString("pem")}\n`);
  const keyPem = pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", key));
  writeFileSync(join(folder, `${name}.key`), keyPem, { mode: 0o600 });
}

function pem(label: string, bytes: ArrayBuffer): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
