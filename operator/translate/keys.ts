import { createPublicKey } from "node:crypto";
import type { Algorithm } from "../../core/policy/identity.ts";
import { keysMax, rsaBitsMax, rsaBitsMin } from "../../core/policy/parse/key-set.ts";

/** Bytes of a key set; a longer one is refused unread. */
export const keySetMaxBytes = 256 * 1024;

/** Characters of a `kid`. */
export const kidLengthMax = 512;

/** What came out of a key set. Without `jwks` there is no usable key and every token of the issuer fails. */
export interface KeySet {
  /** Canonical JSON: public members only, each key with `kid` as written, `alg` and `use`. */
  readonly jwks: string | undefined;
  /** Sentences about keys that were left out, or about the whole set. */
  readonly problems: readonly string[];
}

const curves: Readonly<Record<string, { algorithm: Algorithm; kty: string; coordinateBytes: number }>> = {
  "P-256": { algorithm: "ES256", kty: "EC", coordinateBytes: 32 },
  "P-384": { algorithm: "ES384", kty: "EC", coordinateBytes: 48 },
  Ed25519: { algorithm: "EdDSA", kty: "OKP", coordinateBytes: 32 },
};
const rsaAlgorithms: readonly Algorithm[] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

interface PublicKey {
  readonly kid: string | undefined;
  readonly algorithm: Algorithm;
  /** Members that make the key, in the order they are written. */
  readonly members: Readonly<Record<string, string>>;
}

/**
 * Reads a JWKS (RFC 7517) more strictly than Envoy would: Envoy refuses a whole filter for one bad key, takes HS256
 * from an `oct` key, any algorithm of the family from a key without `alg`, and tries all keys of a `kid` that occurs
 * twice. Keys for other purposes are left out silently; whatever else is left out has a sentence.
 */
export function readKeySet(text: string, allowed: readonly Algorithm[]): KeySet {
  if (Buffer.byteLength(text) > keySetMaxBytes) return refused(`the key set is larger than ${keySetMaxBytes} bytes`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return refused("the key set is not JSON");
  }
  const written = isRecord(parsed) ? parsed.keys : undefined;
  if (!Array.isArray(written)) return refused('the key set has no list "keys"');
  if (written.length > keysMax) return refused(`the key set has more than ${keysMax} keys`);

  const problems: string[] = [];
  const keys: PublicKey[] = [];
  written.forEach((item: unknown, index) => {
    const read = readKey(item, allowed);
    if (typeof read === "string") problems.push(`key ${index + 1}: ${read}`);
    else if (read !== undefined) keys.push(read);
  });
  const unique = withoutSharedKids(keys, problems);
  if (unique.length === 0) problems.push("the key set has no usable key");
  return { jwks: unique.length === 0 ? undefined : print(unique), problems };
}

function refused(problem: string): KeySet {
  return { jwks: undefined, problems: [problem] };
}

/** A key, a sentence why not, or undefined for a key that is meant for something else. */
function readKey(item: unknown, allowed: readonly Algorithm[]): PublicKey | string | undefined {
  if (!isRecord(item)) return "is not an object";
  if (item.kty === "oct") return "is symmetric: whoever can verify could also sign";
  if (privateMembers.some((member) => Object.hasOwn(item, member)))
    return "carries private parts: replace the key pair";
  if (item.use !== undefined && item.use !== "sig") return undefined;
  if (Array.isArray(item.key_ops) && !item.key_ops.includes("verify")) return undefined;
  const { kid } = item;
  if (kid !== undefined && (typeof kid !== "string" || kid === "" || kid.length > kidLengthMax)) {
    return `has a kid that is not a text of 1 to ${kidLengthMax} characters`;
  }
  const material = item.kty === "RSA" ? readRsa(item) : readCurve(item);
  if (typeof material === "string") return material;
  const algorithm = chooseAlgorithm(item.alg, material.algorithms, allowed);
  if (typeof algorithm !== "object") return algorithm;
  if (!isValid(material.members)) return "is not a valid public key";
  return { kid, algorithm: algorithm.name, members: material.members };
}

interface Material {
  readonly members: Readonly<Record<string, string>>;
  readonly algorithms: readonly Algorithm[];
}

function readRsa(item: Record<string, unknown>): Material | string {
  const n = base64url(item.n);
  const e = base64url(item.e);
  if (n === undefined || e === undefined) return "has no base64url n and e";
  const bits = n[0] === undefined || n[0] === 0 ? 0 : (n.length - 1) * 8 + (32 - Math.clz32(n[0]));
  if (bits < rsaBitsMin || bits > rsaBitsMax) return `has a modulus outside ${rsaBitsMin} to ${rsaBitsMax} bits`;
  if (((n.at(-1) ?? 0) & 1) === 0) return "has an even modulus";
  const exponent = BigInt(`0x${Buffer.from(e).toString("hex") || "0"}`);
  if (exponent < 65_537n || exponent >= 1n << 32n || exponent % 2n === 0n) {
    return "has an exponent that is even or outside 65537 to 2^32";
  }
  return { members: { kty: "RSA", n: String(item.n), e: String(item.e) }, algorithms: rsaAlgorithms };
}

function readCurve(item: Record<string, unknown>): Material | string {
  if (item.kty !== "EC" && item.kty !== "OKP") return "is of a type that is not RSA, EC or OKP";
  const crv = typeof item.crv === "string" ? item.crv : "";
  const curve = Object.hasOwn(curves, crv) ? curves[crv] : undefined;
  if (curve === undefined || curve.kty !== item.kty) return "is on a curve that is not P-256, P-384 or Ed25519";
  const names = curve.kty === "EC" ? ["x", "y"] : ["x"];
  const members: Record<string, string> = { kty: curve.kty, crv };
  for (const name of names) {
    if (base64url(item[name])?.length !== curve.coordinateBytes) return `has no ${name} of the curve's length`;
    members[name] = String(item[name]);
  }
  return { members, algorithms: [curve.algorithm] };
}

/**
 * The key's own `alg` where it has one. Else the curve's, and for RSA the one that the identity allows, or RS256 among
 * several: a key is for one algorithm (RFC 8725 section 3.1).
 */
function chooseAlgorithm(
  written: unknown,
  possible: readonly Algorithm[],
  allowed: readonly Algorithm[],
): { name: Algorithm } | string | undefined {
  const usable = possible.filter((algorithm) => allowed.includes(algorithm));
  if (written !== undefined) {
    const name = possible.find((algorithm) => algorithm === written);
    if (name === undefined) return "has an alg that does not fit its type";
    return usable.includes(name) ? { name } : "is for an algorithm that the identity does not allow";
  }
  const [only, ...more] = usable;
  if (only === undefined) return "is for no algorithm that the identity allows";
  if (more.length === 0) return { name: only };
  return usable.includes("RS256") ? { name: "RS256" } : "has no alg and the identity allows several: name one";
}

function withoutSharedKids(keys: readonly PublicKey[], problems: string[]): PublicKey[] {
  const counts = Map.groupBy(keys, (key) => key.kid);
  return keys.filter((key) => {
    if (key.kid === undefined) return true;
    const sharing = counts.get(key.kid) ?? [];
    if (sharing.length === 1) return true;
    if (sharing[0] === key) problems.push(`${sharing.length} keys share one kid: none of them is used`);
    return false;
  });
}

function print(keys: readonly PublicKey[]): string {
  const printed = keys.map(({ kid, algorithm, members }) => ({
    ...members,
    ...(kid !== undefined && { kid }),
    alg: algorithm,
    use: "sig",
  }));
  return JSON.stringify({ keys: printed });
}

/** Points off the curve and other impossible keys are found by the library. */
function isValid(members: Readonly<Record<string, string>>): boolean {
  try {
    createPublicKey({ key: members, format: "jwk" });
    return true;
  } catch {
    return false;
  }
}

/** Bytes of an unpadded base64url text in its one canonical spelling (RFC 7515 appendix C). */
function base64url(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  const bytes = Buffer.from(value, "base64url");
  return bytes.toString("base64url") === value ? bytes : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
