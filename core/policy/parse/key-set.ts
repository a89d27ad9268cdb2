import type { Algorithm } from "../identity.ts";
import { refuse, type Place } from "./place.ts";
import { isMapping } from "./record.ts";

/** Characters of a key set. */
export const keySetCharactersMax = 262_144;
/** Keys of a key set: a token without `kid` costs one verification per key. */
export const keysMax = 64;
/** Least bits of an RSA modulus (RFC 7518 section 3.3). */
export const rsaBitsMin = 2_048;
/** Most bits of an RSA modulus: larger ones only cost time. */
export const rsaBitsMax = 8_192;

const curveOf: Partial<Record<Algorithm, readonly string[]>> = {
  ES256: ["P-256"],
  ES384: ["P-384"],
  EdDSA: ["Ed25519"],
};
const curves: readonly string[] = ["P-256", "P-384", "Ed25519"];

/**
 * Checks a key set (RFC 7517) before anything trusts it: public keys only, strong enough, and at least one for an
 * algorithm that the issuer may use. Reports what is wrong.
 */
export function checkKeySet(place: Place, jwks: string, algorithms: readonly Algorithm[] | undefined): void {
  const fix = "write the public key set of the issuer as JSON";
  let set: unknown;
  try {
    set = JSON.parse(jwks);
  } catch {
    refuse(place, "PKT0213", "the key set is not JSON", fix);
    return;
  }
  const keys = isMapping(set) ? set["keys"] : undefined;
  if (!Array.isArray(keys) || keys.length === 0) {
    refuse(place, "PKT0213", "the key set has no keys", `${fix}: {"keys": [ … ]}`);
    return;
  }
  if (keys.length > keysMax) {
    refuse(place, "PKT0213", `the key set has ${keys.length} keys, more than ${keysMax}`, "keep those in use");
    return;
  }
  const before = place.report.count;
  for (const [index, key] of keys.entries()) {
    const wrong = problemOfKey(key);
    if (wrong !== undefined) refuse(place, "PKT0213", `key ${index + 1} of the key set ${wrong.message}`, wrong.fix);
  }
  if (place.report.count !== before) return;
  if (algorithms === undefined) return;
  const isOfUse = keys.some((key) => isMapping(key) && algorithms.some((algorithm) => serves(key, algorithm)));
  if (isOfUse) return;
  const message = `no key of the set can verify ${algorithms.join(" or ")}`;
  refuse(place, "PKT0213", message, "add the key, or name the algorithm of the keys");
}

interface KeyProblem {
  readonly message: string;
  readonly fix: string;
}

function problemOfKey(key: unknown): KeyProblem | undefined {
  const publicOnly = "publish the public half of each key only";
  if (!isMapping(key)) return { message: "is not a mapping", fix: publicOnly };
  if (key["kty"] === "oct") return { message: "is a shared secret", fix: "use an issuer with key pairs" };
  for (const secret of ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]) {
    if (Object.hasOwn(key, secret))
      return { message: "holds a private key", fix: `${publicOnly}, and replace this one` };
  }
  switch (key["kty"]) {
    case "RSA":
      return problemOfRsa(key["n"], key["e"]);
    case "EC":
    case "OKP": {
      const isCurveKnown = typeof key["crv"] === "string" && curves.includes(key["crv"]);
      const coordinates = key["kty"] === "EC" ? [key["x"], key["y"]] : [key["x"]];
      if (!isCurveKnown || (key["kty"] === "OKP") !== (key["crv"] === "Ed25519")) {
        return { message: "has no curve that Picket knows", fix: `use one of ${curves.join(", ")}` };
      }
      const bytes = key["crv"] === "P-384" ? 48 : 32;
      return coordinates.every((part) => byteLength(part) === bytes)
        ? undefined
        : { message: `has no coordinates of ${bytes} bytes`, fix: publicOnly };
    }
    default:
      return { message: "has no type that Picket knows", fix: "use keys of type EC, RSA or OKP" };
  }
}

function problemOfRsa(modulus: unknown, exponent: unknown): KeyProblem | undefined {
  const bits = byteLength(modulus) * 8;
  // A leading zero byte is not allowed (RFC 7518 section 2), so the first byte counts at most seven bits too many.
  if (bits < rsaBitsMin || bits > rsaBitsMax) {
    return { message: `is not of ${rsaBitsMin} to ${rsaBitsMax} bits`, fix: "use RSA keys of 2048 bits or more" };
  }
  const isLargeEnough = byteLength(exponent) >= 3 && byteLength(exponent) <= 8;
  return isLargeEnough ? undefined : { message: "has an exponent below 65537", fix: "use the exponent 65537 (AQAB)" };
}

/** Bytes of a base64url text without padding; 0 when it is none. */
function byteLength(text: unknown): number {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return 0;
  return Math.floor((text.length * 3) / 4);
}

function serves(key: Readonly<Record<string, unknown>>, algorithm: Algorithm): boolean {
  if (key["use"] !== undefined && key["use"] !== "sig") return false;
  if (key["alg"] !== undefined) return key["alg"] === algorithm;
  const wanted = curveOf[algorithm];
  return wanted === undefined ? key["kty"] === "RSA" : wanted.includes(String(key["crv"]));
}
