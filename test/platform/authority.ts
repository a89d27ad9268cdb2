import "reflect-metadata";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from "@peculiar/x509";
import { webcrypto } from "node:crypto";
import { Secret } from "../../platform/secret.ts";
import type { ServerTls, TlsMaterial } from "../../platform/tls.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const hourMs = 3_600_000;

interface LeafOptions {
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** An authority made for one test. */
export class Authority {
  readonly #certificate: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
  }

  static async create(name: string): Promise<Authority> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(Date.now() - hourMs),
      notAfter: new Date(Date.now() + 24 * hourMs),
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new Authority(certificate, keys);
  }

  get pem(): string {
    return `${this.#certificate.toString("pem")}\n`;
  }

  /** A certificate for localhost, 127.0.0.1 and ::1 unless it says otherwise. */
  async issue(options: LeafOptions = {}): Promise<TlsMaterial> {
    const { names = ["localhost"], addresses = ["127.0.0.1", "::1"] } = options;
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${names[0] ?? "leaf"}`,
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      notBefore: options.notBefore ?? new Date(Date.now() - hourMs),
      notAfter: options.notAfter ?? new Date(Date.now() + hourMs),
      extensions: [
        new SubjectAlternativeNameExtension([
          ...names.map((value) => ({ type: "dns" as const, value })),
          ...addresses.map((value) => ({ type: "ip" as const, value })),
        ]),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
    const lines = key.match(/.{1,64}/g) ?? [];
    return {
      certificate: `${certificate.toString("pem")}\n`,
      key: new Secret(`-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`),
    };
  }
}

/** A certificate that a test exchanges. */
export class SwappableTls implements ServerTls {
  #material: TlsMaterial;
  readonly #listeners: (() => void)[] = [];
  readonly context = (): TlsMaterial => this.#material;
  readonly onChange = (listener: () => void): void => void this.#listeners.push(listener);

  constructor(material: TlsMaterial) {
    this.#material = material;
  }

  swap(material: TlsMaterial): void {
    this.#material = material;
    for (const listener of this.#listeners) listener();
  }
}
