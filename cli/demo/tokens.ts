import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";

export type TokenClaims = Readonly<Record<string, unknown>>;

/** The key pair of the bank's issuer, made at each start and kept in memory and in the demo's own folder. */
export interface IssuerKey {
  readonly privateKey: KeyObject;
  readonly privatePem: string;
  readonly publicPem: string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
}

export function createIssuerKey(): IssuerKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    privateKey,
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    publicJwk: { ...publicKey.export({ format: "jwk" }), kid: "bank-1", alg: "ES256", use: "sig" },
  };
}

const goodHeader = { alg: "ES256", typ: "JWT", kid: "bank-1" };

/** A token that the issuer's key really signed, whatever it claims. */
export function signToken(key: KeyObject, claims: TokenClaims, header: object = goodHeader): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

export interface Forgery {
  readonly what: string;
  readonly token: string;
}

/** The ways to make a token that says `claims` without having been given it. */
export function forgeTokens(
  key: IssuerKey,
  claims: TokenClaims,
  genuine: string,
  nowSeconds: number,
): readonly Forgery[] {
  const stranger = createIssuerKey();
  const [, , signature = ""] = genuine.split(".");
  const unsigned = (header: object): string => `${encode(header)}.${encode(claims)}`;
  const symmetric = (secret: string): string => {
    const signed = unsigned({ ...goodHeader, alg: "HS256" });
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  };
  const hour = 3_600;
  return [
    { what: "algorithm none", token: `${unsigned({ alg: "none", typ: "JWT" })}.` },
    { what: "algorithm nOnE, with a signature of zeros", token: `${unsigned({ alg: "nOnE" })}.${"A".repeat(86)}` },
    { what: "HS256 with the public key (PEM) as secret", token: symmetric(key.publicPem) },
    { what: "HS256 with the public key (JWK) as secret", token: symmetric(JSON.stringify(key.publicJwk)) },
    { what: "signed with a key of their own", token: signToken(stranger.privateKey, claims) },
    {
      what: "own key, offered in the header",
      token: signToken(stranger.privateKey, claims, { ...goodHeader, jwk: stranger.publicJwk }),
    },
    {
      what: "own key, offered by a link",
      token: signToken(stranger.privateKey, claims, { ...goodHeader, jku: "https://attacker.example/jwks" }),
    },
    {
      what: "key id that leads into a folder",
      token: signToken(stranger.privateKey, claims, { ...goodHeader, kid: "../../dev/null" }),
    },
    { what: "claims changed under a genuine signature", token: `${unsigned(goodHeader)}.${signature}` },
    { what: "no signature", token: `${unsigned(goodHeader)}.` },
    {
      what: "genuine, expired ten minutes ago",
      token: signToken(key.privateKey, { ...claims, iat: nowSeconds - 1_500, exp: nowSeconds - 600 }),
    },
    {
      what: "genuine, not valid for another hour",
      token: signToken(key.privateKey, { ...claims, nbf: nowSeconds + hour, exp: nowSeconds + hour + 60 }),
    },
    {
      what: "genuine, of another issuer",
      token: signToken(key.privateKey, { ...claims, iss: "https://id.other.example" }),
    },
    { what: "genuine, for another audience", token: signToken(key.privateKey, { ...claims, aud: "newsletter" }) },
    { what: "genuine, without an end", token: signToken(key.privateKey, { ...claims, exp: undefined }) },
    { what: "not a token at all", token: "let-me-in" },
  ];
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
