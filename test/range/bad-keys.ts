import { constants, createHash, createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { audience, encode, issuer } from "./tokens.ts";

/** A key set that no identity may have, and a token that a reader who took it would accept. */
export interface BadKeySet {
  readonly name: string;
  readonly jwks: string;
  readonly token: (nowSeconds: number) => string;
}

type Signer = (input: Buffer) => Buffer;

function tokenOf(header: Record<string, unknown>, signer: Signer): BadKeySet["token"] {
  return (now) => {
    const claims = {
      iss: issuer,
      aud: audience,
      sub: "root",
      customer: "9",
      roles: ["admin"],
      iat: now - 10,
      exp: now + 3_600,
    };
    const input = `${encode(JSON.stringify({ typ: "JWT", ...header }))}.${encode(JSON.stringify(claims))}`;
    return `${input}.${encode(signer(Buffer.from(input)))}`;
  };
}

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
const three = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 });
const k256 = generateKeyPairSync("ec", { namedCurve: "secp256k1" });

const es256 =
  (key: KeyObject): Signer =>
  (input) =>
    sign("sha256", input, { key, dsaEncoding: "ieee-p1363" });
const rs256 =
  (key: KeyObject): Signer =>
  (input) =>
    sign("sha256", input, { key, padding: constants.RSA_PKCS1_PADDING });

/** With the exponent 1 a signature is the padded digest itself (RFC 8017 section 9.2): anybody can write one. */
const paddedDigest: Signer = (input) => {
  const prefix = Buffer.from("3031300d060960864801650304020105000420", "hex");
  const tail = Buffer.concat([Buffer.from([0]), prefix, createHash("sha256").update(input).digest()]);
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 2 - tail.length, 0xff), tail]);
};

function jwk(key: KeyObject, more: Record<string, unknown>): Record<string, unknown> {
  return { ...key.export({ format: "jwk" }), kid: "k", use: "sig", ...more };
}

const ps256 =
  (key: KeyObject): Signer =>
  (input) =>
    sign("sha256", input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });

function setOf(...keys: readonly Record<string, unknown>[]): string {
  return JSON.stringify({ keys });
}

const point = ec.publicKey.export({ format: "jwk" });
const hmacSecret = Buffer.from("0123456789abcdef0123456789abcdef");

/** C03, C06 and C25: what must be refused when the identity is read, or else never verify anything. */
export const badKeySets: readonly BadKeySet[] = [
  {
    name: "no-algorithm",
    // A key without an algorithm may be given one; it must not serve the others of its type.
    jwks: setOf(jwk(rsa.publicKey, {})),
    token: tokenOf({ alg: "PS256", kid: "k" }, ps256(rsa.privateKey)),
  },
  {
    name: "symmetric",
    jwks: setOf({ kty: "oct", kid: "k", alg: "HS256", k: encode(hmacSecret) }),
    token: tokenOf({ alg: "HS256", kid: "k" }, (input) => createHmac("sha256", hmacSecret).update(input).digest()),
  },
  {
    name: "symmetric-that-says-es256",
    jwks: setOf({ kty: "oct", kid: "k", alg: "ES256", k: encode(hmacSecret) }),
    token: tokenOf({ alg: "HS256", kid: "k" }, (input) => createHmac("sha256", hmacSecret).update(input).digest()),
  },
  {
    name: "two-keys-one-kid",
    jwks: setOf(jwk(other.publicKey, { alg: "ES256" }), jwk(ec.publicKey, { alg: "ES256" })),
    token: tokenOf({ alg: "ES256", kid: "k" }, es256(ec.privateKey)),
  },
  {
    name: "rsa-1024",
    jwks: setOf(jwk(weak.publicKey, { alg: "RS256" })),
    token: tokenOf({ alg: "RS256", kid: "k" }, rs256(weak.privateKey)),
  },
  {
    name: "rsa-exponent-3",
    jwks: setOf(jwk(three.publicKey, { alg: "RS256" })),
    token: tokenOf({ alg: "RS256", kid: "k" }, rs256(three.privateKey)),
  },
  {
    name: "rsa-exponent-1",
    jwks: setOf(jwk(rsa.publicKey, { alg: "RS256", e: "AQ" })),
    token: tokenOf({ alg: "RS256", kid: "k" }, paddedDigest),
  },
  {
    name: "secp256k1",
    jwks: setOf(jwk(k256.publicKey, { alg: "ES256K" })),
    token: tokenOf({ alg: "ES256K", kid: "k" }, es256(k256.privateKey)),
  },
  {
    name: "p-192",
    jwks: setOf({ kty: "EC", crv: "P-192", kid: "k", alg: "ES256", x: point.x, y: point.y }),
    token: tokenOf({ alg: "ES256", kid: "k" }, es256(ec.privateKey)),
  },
  {
    name: "point-not-on-the-curve",
    jwks: setOf({ ...point, kid: "k", alg: "ES256", y: point.x }),
    token: tokenOf({ alg: "ES256", kid: "k" }, es256(ec.privateKey)),
  },
  {
    name: "ec-key-that-says-rs256",
    jwks: setOf(jwk(ec.publicKey, { alg: "RS256" })),
    token: tokenOf({ alg: "RS256", kid: "k" }, es256(ec.privateKey)),
  },
  {
    name: "no-keys",
    jwks: setOf(),
    token: tokenOf({ alg: "ES256", kid: "k" }, es256(ec.privateKey)),
  },
  {
    name: "not-json",
    jwks: "{keys:[]}",
    token: tokenOf({ alg: "none" }, () => Buffer.alloc(0)),
  },
];
