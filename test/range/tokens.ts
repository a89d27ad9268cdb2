import { constants, createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { customers, type Actor } from "./operations.ts";

export const issuer = "https://id.shop.example";
export const audience = "orders";

/** Clock tolerance that the product promises, in seconds. */
export const leewaySeconds = 60;

type Algorithm = "ES256" | "RS256" | "PS256" | "HS256" | "none";

/** Keys of the range, made anew at each start, and what signs with them: honest tokens and hostile ones alike. */
export interface Mint {
  /** Key set of the issuer, as JSON text. */
  readonly jwks: string;
  /** Key sets of a rotation: the next key beside the present ones, then the next key alone. */
  readonly rotation: { readonly overlap: string; readonly done: string };
  readonly publicPem: Readonly<Record<"ES256" | "RS256", string>>;
  readonly publicJwk: Readonly<Record<"ES256" | "RS256", string>>;
  readonly publicDer: Readonly<Record<"ES256" | "RS256", Buffer>>;
  /** A good token of the actor; empty for anon. */
  honest(actor: Actor): string;
  /** Claims of a good token of the actor, to be bent. */
  claims(actor: Actor): Record<string, unknown>;
  /** Compact form over exactly these texts; hostile JSON welcome. */
  compact(token: Bent): string;
}

/** A token given as the texts that are signed, so that duplicates, blanks and odd numbers survive. */
export interface Bent {
  readonly header: string;
  readonly payload: string;
  readonly algorithm: Algorithm;
  /** Which private key; `next` is the issuer's only during and after the rotation, `stranger` never. */
  readonly key?: "ES256" | "RS256" | "nextES256" | "strangerES256" | "strangerRS256";
  /** Secret for HS256. */
  readonly secret?: string | Buffer;
}

export function encode(text: string | Buffer): string {
  return Buffer.from(text).toString("base64url");
}

/** Makes the keys. Seconds since the epoch come in, so that a table can be made for any time. */
export function createMint(nowSeconds: number): Mint {
  const keys = {
    ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    nextES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    strangerES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    strangerRS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  };
  const jwk = (name: "ES256" | "RS256" | "nextES256", kid: string): Record<string, unknown> => ({
    ...keys[name].publicKey.export({ format: "jwk" }),
    kid,
    alg: name === "RS256" ? "RS256" : "ES256",
    use: "sig",
  });
  const es = jwk("ES256", "es-1");
  const rs = jwk("RS256", "rs-1");
  const next = jwk("nextES256", "es-2");
  const compact = ({ header, payload, algorithm, key, secret }: Bent): string => {
    const input = `${encode(header)}.${encode(payload)}`;
    const privateKey = keys[key ?? (algorithm === "ES256" ? "ES256" : "RS256")].privateKey;
    return `${input}.${encode(signatureOf(input, algorithm, privateKey, secret))}`;
  };
  const claims = (actor: Actor): Record<string, unknown> => ({
    iss: issuer,
    aud: audience,
    sub: actor,
    customer: customers[actor],
    roles: actor === "root" ? ["staff", "admin"] : ["customer"],
    iat: nowSeconds - 10,
    exp: nowSeconds + 3_600,
  });
  const pem = (key: KeyObject): string => key.export({ format: "pem", type: "spki" }).toString();
  const der = (key: KeyObject): Buffer => key.export({ format: "der", type: "spki" });
  return {
    jwks: JSON.stringify({ keys: [es, rs] }),
    rotation: { overlap: JSON.stringify({ keys: [es, rs, next] }), done: JSON.stringify({ keys: [next] }) },
    publicPem: { ES256: pem(keys.ES256.publicKey), RS256: pem(keys.RS256.publicKey) },
    publicJwk: { ES256: JSON.stringify(es), RS256: JSON.stringify(rs) },
    publicDer: { ES256: der(keys.ES256.publicKey), RS256: der(keys.RS256.publicKey) },
    claims,
    compact,
    honest: (actor) =>
      actor === "anon"
        ? ""
        : compact({
            header: '{"alg":"ES256","typ":"JWT","kid":"es-1"}',
            payload: JSON.stringify(claims(actor)),
            algorithm: "ES256",
          }),
  };
}

function signatureOf(input: string, algorithm: Algorithm, key: KeyObject, secret: string | Buffer = ""): Buffer {
  const bytes = Buffer.from(input, "latin1");
  switch (algorithm) {
    case "none":
      return Buffer.alloc(0);
    case "HS256":
      return createHmac("sha256", secret).update(bytes).digest();
    case "ES256":
      return sign("sha256", bytes, { key, dsaEncoding: "ieee-p1363" });
    case "RS256":
      return sign("sha256", bytes, key);
    case "PS256":
      return sign("sha256", bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
  }
}
