import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { Algorithm } from "../../../core/policy/identity.ts";
import { keysMax } from "../../../core/policy/parse/key-set.ts";
import { keySetMaxBytes, kidLengthMax, readKeySet } from "../../../operator/translate/keys.ts";

type Jwk = Record<string, unknown>;

const all: readonly Algorithm[] = ["ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"];
const pairOf = (curve: string) => generateKeyPairSync("ec", { namedCurve: curve });
const ec: Jwk = { ...pairOf("P-256").publicKey.export({ format: "jwk" }) };
const ec384: Jwk = { ...pairOf("P-384").publicKey.export({ format: "jwk" }) };
const rsa: Jwk = { ...generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" }) };
const edwards: Jwk = { ...generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }) };

function read(keys: readonly unknown[], algorithms: readonly Algorithm[] = all) {
  const { jwks, problems } = readKeySet(JSON.stringify({ keys }), algorithms);
  return { keys: jwks === undefined ? undefined : (JSON.parse(jwks) as { keys: Jwk[] }).keys, problems };
}

/** A set of one bad key beside a good one: the good one stays, the bad one has a sentence. */
function leavesOut(bad: unknown, sentence: RegExp, algorithms = all): void {
  const { keys, problems } = read([bad, { ...ec, kid: "good" }], algorithms);
  assert.deepEqual(
    keys?.map((key) => key.kid),
    ["good"],
  );
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", sentence);
}

describe("readKeySet", () => {
  it("writes public members only, with kid, alg and use", () => {
    const { keys, problems } = read([{ ...ec, kid: "1", alg: "ES256", x5c: ["secretive"], extra: 1 }]);
    assert.deepEqual(keys, [{ kty: "EC", crv: "P-256", x: ec.x, y: ec.y, kid: "1", alg: "ES256", use: "sig" }]);
    assert.deepEqual(problems, []);
  });

  it("gives a key without alg the one of its curve, and RSA the one that is allowed, else RS256", () => {
    assert.deepEqual(
      read([ec, ec384, edwards, rsa]).keys?.map((key) => key.alg),
      ["ES256", "ES384", "EdDSA", "RS256"],
    );
    assert.equal(read([rsa], ["PS256"]).keys?.[0]?.alg, "PS256");
    assert.match(read([rsa], ["PS256", "PS384"]).problems[0] ?? "", /several: name one/);
  });

  it("leaves out symmetric keys", () => leavesOut({ kty: "oct", k: "c2VjcmV0", alg: "HS256" }, /symmetric/));
  it("leaves out keys that carry private parts", () => leavesOut({ ...ec, d: "AQAB" }, /private parts/));
  it("leaves out unknown curves and types", () => {
    leavesOut({ ...ec, crv: "secp256k1" }, /curve/);
    leavesOut({ ...ec, crv: "__proto__" }, /curve/);
    leavesOut({ ...edwards, kty: "EC" }, /curve/);
    leavesOut({ kty: "none" }, /type/);
    leavesOut({ ...pairOf("P-521").publicKey.export({ format: "jwk" }) }, /curve/);
    leavesOut(7, /not an object/);
  });
  it("leaves out points that are not on the curve, and coordinates of another length", () => {
    leavesOut({ ...ec, y: ec.x }, /not a valid public key/);
    leavesOut({ ...ec, x: `${String(ec.x)}AA` }, /length/);
    leavesOut({ ...ec, x: `${String(ec.x)}=` }, /length/);
  });
  it("leaves out RSA keys that are short, have a small or even exponent, or an even modulus", () => {
    const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
    leavesOut({ ...short }, /modulus outside/);
    for (const e of ["AQ", "Aw", "AQAA", "AQAAAAE"]) leavesOut({ ...rsa, e }, /exponent/);
    const even = Buffer.from(String(rsa.n), "base64url");
    even[even.length - 1] = 0;
    leavesOut({ ...rsa, n: even.toString("base64url") }, /even modulus/);
    leavesOut({ ...rsa, n: Buffer.alloc(1025, 255).toString("base64url") }, /modulus outside/);
    leavesOut({ kty: "RSA", n: "", e: "AQAB" }, /no base64url/);
  });
  it("leaves out keys whose alg does not fit, or is not allowed", () => {
    leavesOut({ ...rsa, alg: "HS256" }, /does not fit/);
    leavesOut({ ...rsa, alg: "ES256" }, /does not fit/);
    leavesOut({ ...rsa, alg: "RS256" }, /does not allow/, ["ES256"]);
  });
  it("leaves out a kid that is no short text", () => {
    for (const kid of ["", 5, null, "k".repeat(kidLengthMax + 1)]) leavesOut({ ...ec384, kid }, /kid/);
    const longest = "k".repeat(kidLengthMax);
    assert.equal(read([{ ...ec384, kid: longest }]).keys?.[0]?.kid, longest);
  });
  it("uses none of the keys that share a kid", () => {
    const { keys, problems } = read([
      { ...ec, kid: "a" },
      { ...rsa, kid: "a" },
      { ...ec384, kid: "b" },
    ]);
    assert.deepEqual(
      keys?.map((key) => key.kid),
      ["b"],
    );
    assert.deepEqual(problems, ["2 keys share one kid: none of them is used"]);
  });
  it("passes over keys for other purposes in silence", () => {
    const { keys, problems } = read([{ ...rsa, use: "enc" }, { ...ec384, key_ops: ["deriveKey"] }, ec]);
    assert.equal(keys?.length, 1);
    assert.deepEqual(problems, []);
  });

  it("is never empty in silence", () => {
    for (const keys of [[], [{ ...rsa, use: "enc" }], [{ kty: "oct", k: "AA" }]]) {
      const read1 = read(keys);
      assert.equal(read1.keys, undefined);
      assert.equal(read1.problems.at(-1), "the key set has no usable key");
    }
  });
  it("refuses what is no key set, too large, or holds too many keys", () => {
    for (const text of ["", "{", "[]", "null", "{}", '{"keys":{}}', `{"keys":[]${" ".repeat(keySetMaxBytes)}}`]) {
      const { jwks, problems } = readKeySet(text, all);
      assert.equal(jwks, undefined);
      assert.equal(problems.length, 1, text.slice(0, 20));
    }
    const many = Array.from({ length: keysMax + 1 }, () => ec);
    assert.equal(read(many).keys, undefined);
    assert.equal(read(many.slice(1)).keys?.length, keysMax);
  });
});
