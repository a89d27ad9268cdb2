import { createHmac } from "node:crypto";
import { encode, issuer, leewaySeconds, type Bent, type Mint } from "../tokens.ts";
import { bytes, requestText, type Row, type Shot, type Vector } from "./vector.ts";

const group = { actor: "anon", tier: "DG", applications: "one" } as const;

/** What a token is made of before it is bent: the administrator's claims, so that a wrong accept opens everything. */
interface Parts {
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
}

type TokenOf = (mint: Mint, nowSeconds: number) => string;

/** A request to the administrator's operation with this token. */
function withToken(what: string, token: TokenOf, expect: Row["expect"] = [401]): Row {
  return withAuthorization(what, (mint, now) => [`Authorization: Bearer ${token(mint, now)}`], expect);
}

function withAuthorization(
  what: string,
  lines: (mint: Mint, nowSeconds: number) => readonly string[],
  expect: Row["expect"] = [401],
  target = "/admin/secret",
): Row {
  return {
    what,
    expect,
    send: bytes((shot: Shot) => requestText(shot, { target, headers: lines(shot.mint, shot.nowSeconds) })),
  };
}

/** A signed token with header and claims changed; a value of undefined removes one. */
function bent(change: Partial<Parts>, how: Partial<Bent> = {}): TokenOf {
  return (mint) => {
    const algorithm = how.algorithm ?? "ES256";
    const kid = algorithm === "ES256" ? "es-1" : "rs-1";
    const header = JSON.stringify({ alg: algorithm, typ: "JWT", kid, ...change.header });
    const payload = JSON.stringify({ ...mint.claims("root"), ...change.claims });
    return mint.compact({ header, payload, algorithm, ...how });
  };
}

const claims = (change: Record<string, unknown>): TokenOf => bent({ claims: change });
const header = (change: Record<string, unknown>): TokenOf => bent({ header: change });
/** Claims that depend on the time. */
const timed =
  (change: (now: number) => Record<string, unknown>): TokenOf =>
  (mint, now) =>
    claims(change(now))(mint, now);

/** A token whose payload is this text, signed properly: what a strict reader refuses and a lenient one may take. */
function payloadText(make: (honest: string, now: number) => string): TokenOf {
  return (mint, now) =>
    mint.compact({
      header: '{"alg":"ES256","typ":"JWT","kid":"es-1"}',
      payload: make(JSON.stringify(mint.claims("root")), now),
      algorithm: "ES256",
    });
}

function headerText(text: string): TokenOf {
  return (mint) => mint.compact({ header: text, payload: JSON.stringify(mint.claims("root")), algorithm: "ES256" });
}

/** The good token of the administrator, changed as text after it was signed. */
function respelled(change: (parts: { h: string; p: string; s: string }) => string): TokenOf {
  return (mint) => {
    const [h = "", p = "", s = ""] = mint.honest("root").split(".");
    return change({ h, p, s });
  };
}

/** HMAC over a token that names a public key, with that public key as the secret. */
function confused(secret: (mint: Mint) => string | Buffer, kid: string): TokenOf {
  return (mint, now) =>
    bent({ header: { alg: "HS256", kid } }, { algorithm: "HS256", secret: secret(mint) })(mint, now);
}

/** Replaces the signature of an honest ES256 token. */
function signature(make: (signature: Buffer) => Buffer): TokenOf {
  return respelled(({ h, p, s }) => `${h}.${p}.${encode(make(Buffer.from(s, "base64url")))}`);
}

/** Order of P-256, FIPS 186-4 appendix D.1.2.3. */
const p256Order = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex");
const zero = Buffer.alloc(32);
const orderLessOne = Buffer.concat([p256Order.subarray(0, 31), Buffer.from([0x50])]);

function derOf(raw: Buffer): Buffer {
  const integer = (value: Buffer): Buffer => {
    const padded = (value[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), value]) : value;
    return Buffer.concat([Buffer.from([2, padded.length]), padded]);
  };
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

/** A valid token of alice with claims changed, on one operation. */
function aliceWith(what: string, change: Record<string, unknown>, expect: Row["expect"], target: string): Row {
  return {
    what,
    expect,
    actor: "alice",
    send: bytes((shot) => {
      const payload = JSON.stringify({ ...shot.mint.claims("alice"), ...change });
      return aliceText(shot, payload, target);
    }),
  };
}

function aliceText(shot: Shot, payload: string, target: string): string {
  const token = shot.mint.compact({ header: '{"alg":"ES256","typ":"JWT","kid":"es-1"}', payload, algorithm: "ES256" });
  return requestText(shot, { target, headers: [`Authorization: Bearer ${token}`] });
}

/** Alice's payload as text, one text replaced by another. */
function aliceRespelled(what: string, from: string, to: string, expect: Row["expect"], target: string): Row {
  return {
    what,
    expect,
    actor: "alice",
    send: bytes((shot) => aliceText(shot, JSON.stringify(shot.mint.claims("alice")).replace(from, to), target)),
  };
}

const kids: readonly (readonly [what: string, kid: unknown])[] = [
  ["path", "../../dev/null"],
  ["SQL", "x' UNION SELECT 'key"],
  ["URL", "https://attacker.example/key"],
  ["10 KiB", "k".repeat(10_240)],
  ["NUL", "es-1\0"],
  ["__proto__", "__proto__"],
  ["constructor", "constructor"],
  ["toString", "toString"],
  ["number", 1],
  ["array", ["es-1"]],
  ["object", { kid: "es-1" }],
  ["null", null],
  ["empty", ""],
  ["other letter case", "ES-1"],
  ["blank at the end", "es-1 "],
  ["the key of another type", "rs-1"],
];

/** Group C: tokens. Every row asks for the administrator's operation unless it says otherwise. */
export const vectorsC: readonly Vector[] = [
  {
    ...group,
    id: "C01",
    name: "no algorithm",
    rows: [
      ...["none", "None", "nOnE", "NONE", "", " none", "es256", "ES256 ", "ES256\0"].flatMap((alg) => [
        withToken(`alg ${JSON.stringify(alg)} without signature`, bent({ header: { alg } }, { algorithm: "none" })),
        withToken(`alg ${JSON.stringify(alg)} with a signature`, bent({ header: { alg } })),
      ]),
      withToken("alg ES256 with an empty signature", bent({ header: { alg: "ES256" } }, { algorithm: "none" })),
      ...[1, null, ["ES256"], { alg: "ES256" }, true].map((alg) =>
        withToken(`alg ${JSON.stringify(alg)}`, header({ alg })),
      ),
      withToken("no alg", header({ alg: undefined })),
    ],
  },
  {
    ...group,
    id: "C02",
    name: "HMAC with the public key as its secret",
    rows: (["RS256", "ES256"] as const).flatMap((type) => {
      const kid = type === "RS256" ? "rs-1" : "es-1";
      return [
        withToken(
          `${type} PEM`,
          confused((mint) => mint.publicPem[type], kid),
        ),
        withToken(
          `${type} PEM without line end`,
          confused((mint) => mint.publicPem[type].trim(), kid),
        ),
        withToken(
          `${type} PEM after a blank`,
          confused((mint) => ` ${mint.publicPem[type]}`, kid),
        ),
        withToken(
          `${type} DER`,
          confused((mint) => mint.publicDer[type], kid),
        ),
        withToken(
          `${type} JWK`,
          confused((mint) => mint.publicJwk[type], kid),
        ),
      ];
    }),
  },
  {
    ...group,
    id: "C03",
    name: "HMAC with an empty key",
    rows: [
      withToken(
        "empty secret",
        confused(() => "", "es-1"),
      ),
      withToken(
        "one NUL",
        confused(() => "\0", "rs-1"),
      ),
    ],
    laterIssue:
      "keys without alg are refused when the identity is read; badKeys of this range shows that they open nothing",
  },
  {
    ...group,
    id: "C04",
    name: "algorithm and key of different types",
    rows: [
      withToken("RS256 under the kid of an EC key", bent({ header: { kid: "es-1" } }, { algorithm: "RS256" })),
      withToken("ES256 under the kid of an RSA key", bent({ header: { kid: "rs-1" } })),
      withToken("PS256 under an RS256 key", bent({ header: {} }, { algorithm: "PS256" })),
      withToken("PS256 signature that says RS256", bent({ header: { alg: "RS256" } }, { algorithm: "PS256" })),
      withToken("RS256 signature that says PS256", bent({ header: { alg: "PS256" } }, { algorithm: "RS256" })),
      withToken("ES256 signature that says ES384", header({ alg: "ES384" })),
      withToken("RS256 signature that says RS512", bent({ header: { alg: "RS512" } }, { algorithm: "RS256" })),
      withToken("EdDSA", header({ alg: "EdDSA" })),
    ],
  },
  {
    ...group,
    id: "C05",
    name: "hostile kid",
    rows: [
      ...kids.map(([what, kid]) =>
        withToken(`${what}, strange key`, bent({ header: { kid } }, { key: "strangerES256" }), [401, 431]),
      ),
      // Signed by the issuer after all: refused for its form, or right. Not a leak either way.
      ...kids.map(([what, kid]): Row => ({
        ...withToken(`${what}, right key`, header({ kid }), [200, 401, 431]),
        actor: "root",
      })),
      withToken("the right kid, strange key", bent({}, { key: "strangerES256" })),
      withToken("the right kid, strange RSA key", bent({}, { algorithm: "RS256", key: "strangerRS256" })),
      withToken("no kid, strange key", bent({ header: { kid: undefined } }, { key: "strangerES256" })),
    ],
  },
  {
    ...group,
    id: "C06",
    name: "two keys under one kid",
    tier: "DK",
    rows: [],
    laterIssue: "refused when the identity is read; badKeys of this range shows that such a set opens nothing",
  },
  {
    ...group,
    id: "C07",
    name: "keys that the token brings along",
    tier: "DGN",
    rows: [
      withToken("jku", bent({ header: { jku: "https://attacker.example/jwks" } }, { key: "strangerES256" })),
      withToken("x5u", bent({ header: { x5u: "https://attacker.example/cert" } }, { key: "strangerES256" })),
      withToken("x5c", bent({ header: { x5c: ["MIIB"] } }, { key: "strangerES256" })),
      withToken(
        "jwk",
        bent({ header: { jwk: { kty: "EC", crv: "P-256", x: "AA", y: "AA" } } }, { key: "strangerES256" }),
      ),
      withToken("jwk and no kid", bent({ header: { kid: undefined, jwk: {} } }, { key: "strangerES256" })),
    ],
  },
  {
    ...group,
    id: "C08",
    name: "critical extensions, detached payloads, compression, nesting",
    tier: "D",
    rows: [
      withToken("crit that nobody knows", header({ crit: ["exp2"], exp2: 1 })),
      withToken("crit empty", header({ crit: [] })),
      withToken("crit b64", header({ crit: ["b64"], b64: true })),
      withToken("b64 false", header({ crit: ["b64"], b64: false })),
      withToken("b64 false without crit", header({ b64: false })),
      withToken("crit of another type", header({ crit: "exp" })),
      withToken("zip", header({ zip: "DEF" }), [401]),
      withToken("cty JWT with a token inside", (mint) =>
        mint.compact({
          header: '{"alg":"ES256","kid":"es-1","cty":"JWT"}',
          payload: mint.honest("root"),
          algorithm: "ES256",
        }),
      ),
      withToken(
        "five parts",
        respelled(({ h, p, s }) => `${h}.${p}.${s}.${p}.${s}`),
      ),
    ],
  },
  {
    ...group,
    id: "C09",
    name: "no token where one is needed",
    tier: "DGE",
    rows: ["/admin/secret", "/orders/1", "/items/1"].flatMap((target) => [
      withAuthorization(`${target} nothing`, () => [], [401], target),
      withAuthorization(`${target} empty header`, () => ["Authorization:"], [401], target),
      withAuthorization(`${target} empty token`, () => ["Authorization: Bearer "], [401], target),
      withAuthorization(`${target} scheme alone`, () => ["Authorization: Bearer"], [401], target),
    ]),
  },
  {
    ...group,
    id: "C10",
    name: "token of another issuer",
    tier: "D",
    rows: [
      withToken("other issuer, our kid and key", claims({ iss: "https://id.other.example" })),
      withToken(
        "other issuer, strange key",
        bent({ claims: { iss: "https://id.other.example" } }, { key: "strangerES256" }),
      ),
    ],
  },
  {
    ...group,
    id: "C11",
    name: "audience",
    tier: "D",
    rows: [
      withToken("missing", claims({ aud: undefined }), [401]),
      ...[
        "other",
        "order",
        "orders2",
        "ORDERS",
        "",
        " orders",
        "orders,other",
        null,
        1,
        {},
        [],
        ["other"],
        [["orders"]],
        { orders: true },
      ].map((aud) => withToken(JSON.stringify(aud), claims({ aud }), [401])),
      {
        ...withToken("an array with ours inside", claims({ aud: ["other", "orders"] }), [200]),
        actor: "root",
      },
    ],
  },
  {
    ...group,
    id: "C12",
    name: "issuer spelled differently",
    tier: "D",
    rows: [
      `${issuer}/`,
      issuer.toUpperCase(),
      ` ${issuer}`,
      `${issuer}#`,
      "",
      null,
      [issuer],
      undefined,
      "http://id.shop.example",
    ].map((iss) => withToken(JSON.stringify(iss) ?? "missing", claims({ iss }))),
  },
  {
    ...group,
    id: "C13",
    name: "expiry",
    tier: "D",
    rows: [
      withToken("missing", claims({ exp: undefined })),
      ...["9999999999", null, true, [9_999_999_999], {}, -1, 0, "", "2037-01-01T00:00:00Z"].map((exp) =>
        withToken(JSON.stringify(exp), claims({ exp })),
      ),
      withToken(
        "1e308",
        payloadText((honest) => honest.replace(/"exp":\d+/, '"exp":1e308')),
      ),
      withToken(
        "2^63",
        payloadText((honest) => honest.replace(/"exp":\d+/, '"exp":9223372036854775808')),
      ),
      withToken(
        "2^64 plus a little",
        payloadText((honest, now) => honest.replace(/"exp":\d+/, `"exp":1844674407${now}`)),
      ),
      withToken(
        "a fraction",
        payloadText((honest, now) => honest.replace(/"exp":\d+/, `"exp":${now + 100}.5`)),
      ),
      withToken(
        "an exponent",
        payloadText((honest) => honest.replace(/"exp":\d+/, '"exp":9.9e9')),
      ),
      withToken(
        `${leewaySeconds + 5} s ago`,
        timed((now) => ({ exp: now - leewaySeconds - 5 })),
      ),
      withToken(
        "a day ago",
        timed((now) => ({ exp: now - 86_400, iat: now - 90_000 })),
      ),
      {
        ...withToken(
          `${leewaySeconds - 20} s ago`,
          timed((now) => ({ exp: now - leewaySeconds + 20 })),
          [200],
        ),
        actor: "root",
      },
    ],
  },
  {
    ...group,
    id: "C14",
    name: "not before, issued at, lifetime",
    tier: "D",
    rows: [
      withToken(
        "nbf in two minutes",
        timed((now) => ({ nbf: now + 120 })),
      ),
      withToken(
        "nbf in a century",
        timed((now) => ({ nbf: now + 3e9 })),
      ),
      withToken("nbf of another type", claims({ nbf: "0" })),
      withToken(
        "iat in two minutes",
        timed((now) => ({ iat: now + 120 })),
      ),
      withToken(
        "iat in an hour",
        timed((now) => ({ iat: now + 3_600, exp: now + 7_200 })),
      ),
      withToken("iat of another type", claims({ iat: "0" })),
      withToken(
        "lifetime of 25 hours",
        timed((now) => ({ exp: now + 90_000 })),
      ),
      withToken(
        "lifetime of a century",
        timed((now) => ({ exp: now + 3e9 })),
      ),
      withToken(
        "lifetime of a century without iat",
        timed((now) => ({ exp: now + 3e9, iat: undefined })),
      ),
    ],
  },
  {
    ...group,
    id: "C15",
    name: "clocks that jump",
    tier: "F",
    rows: [],
    laterIssue: "needs the fault harness, which sets the clock of the scorer",
  },
  {
    ...group,
    id: "C16",
    name: "duplicate claims",
    tier: "D",
    rows: [
      withToken(
        "sub twice",
        payloadText((honest) => honest.replace("{", '{"sub":"alice",')),
      ),
      withToken(
        "roles twice",
        payloadText((honest) => honest.replace("{", '{"roles":[],')),
      ),
      withToken(
        "sub twice, one escaped",
        payloadText((honest) => honest.replace("{", '{"s\\u0075b":"alice",')),
      ),
      withToken(
        "exp twice",
        payloadText((honest) => honest.replace("{", '{"exp":1,')),
      ),
      withToken("alg twice", headerText('{"alg":"none","alg":"ES256","typ":"JWT","kid":"es-1"}')),
      withToken("kid twice", headerText('{"kid":"x","alg":"ES256","typ":"JWT","kid":"es-1"}')),
    ],
  },
  {
    ...group,
    id: "C17",
    name: "claims named like parts of an object",
    tier: "D",
    rows: [
      aliceRespelled("__proto__ with roles", "{", '{"__proto__":{"roles":["admin"]},', [401, 403], "/admin/secret"),
      aliceRespelled(
        "__proto__ in place of roles",
        '"roles":["customer"]',
        '"__proto__":{"roles":["admin"]}',
        [401, 403],
        "/admin/secret",
      ),
      aliceRespelled(
        "constructor",
        "{",
        '{"constructor":{"prototype":{"roles":["admin"]}},',
        [401, 403],
        "/admin/secret",
      ),
      aliceRespelled("roles.0", "{", '{"roles.0":"admin","roles[]":"admin",', [401, 403], "/admin/secret"),
      aliceRespelled("toString", "{", '{"toString":"admin","valueOf":"admin",', [401, 403], "/admin/secret"),
      aliceRespelled(
        "Roles in other letter case",
        "{",
        '{"Roles":["admin"],"ROLES":["admin"],',
        [401, 403],
        "/admin/secret",
      ),
      aliceRespelled(
        "__proto__ with the customer",
        '"customer":"1"',
        '"__proto__":{"customer":"2"}',
        [401, 403],
        "/orders/2",
      ),
      ...["toString", "__proto__", "constructor", "hasOwnProperty"].map((id) =>
        aliceWith(`an order named ${id}`, { customer: undefined }, [403], `/orders/${id}`),
      ),
    ],
  },
  {
    ...group,
    id: "C18",
    name: "claims of the wrong type",
    tier: "D",
    rows: [
      ...[
        "admin",
        "admin,customer",
        "customer admin",
        { admin: true },
        [["admin"]],
        [{ name: "admin" }],
        true,
        1,
        null,
        ["Admin"],
        ["admin "],
        ["xadminx"],
        [],
      ].map((roles) => aliceWith(`roles ${JSON.stringify(roles)}`, { roles }, [403], "/admin/secret")),
      ...[["2"], { "2": 2 }, true, null, "", "2 ", " 2", "02", "2.0", 2.5, "1,2", ["1", "2"]].map((customer) =>
        aliceWith(`customer ${JSON.stringify(customer)}`, { customer }, [403], "/orders/2"),
      ),
      ...[null, "", undefined, [], "null", "undefined"].flatMap((customer) =>
        ["null", "undefined", "[]", "%5B%5D"]
          .filter((id) => id !== customer)
          .map((id) =>
            aliceWith(
              `customer ${JSON.stringify(customer) ?? "missing"}, order ${id}`,
              { customer },
              [400, 403],
              `/orders/${id}`,
            ),
          ),
      ),
    ],
  },
  {
    ...group,
    id: "C19",
    name: "base64url that is not canonical",
    tier: "D",
    rows: [
      ...(["h", "p", "s"] as const).flatMap((part) => {
        const changed = (change: (text: string) => string): TokenOf =>
          respelled((parts) => {
            const all = { ...parts, [part]: change(parts[part]) };
            return `${all.h}.${all.p}.${all.s}`;
          });
        const name = { h: "header", p: "payload", s: "signature" }[part];
        return [
          withToken(
            `${name} with padding`,
            changed((text) => `${text}=`),
            [400, 401],
          ),
          withToken(
            `${name} with full padding`,
            changed((text) => text + "=".repeat((4 - (text.length % 4)) % 4) + (text.length % 4 === 0 ? "====" : "")),
            [400, 401],
          ),
          withToken(
            `${name} with a blank inside`,
            changed((text) => `${text.slice(0, 5)} ${text.slice(5)}`),
            [400, 401],
          ),
          withToken(
            `${name} with a no-break space at the end`,
            changed((text) => `${text}\xa0`),
            [400, 401],
          ),
          withToken(
            `${name} with a dot too many`,
            changed((text) => `${text}.`),
            [400, 401],
          ),
          withToken(
            `${name} with +`,
            changed((text) => `${text}+`),
            [400, 401],
          ),
          withToken(
            `${name} with /`,
            changed((text) => `${text.slice(0, 6)}/${text.slice(7)}`),
            [400, 401],
          ),
          withToken(
            `${name} with %`,
            changed((text) => `${text}%3D`),
            [400, 401],
          ),
          withToken(
            `${name} with NUL`,
            changed((text) => `${text}\0`),
            [400, 401],
          ),
          withToken(
            `${name} cut by one`,
            changed((text) => text.slice(0, -1)),
            [400, 401],
          ),
          withToken(
            `${name} with one character more`,
            changed((text) => `${text}A`),
            [400, 401],
          ),
          withToken(
            `${name} with a byte of 0xe9`,
            changed((text) => `${text}\xe9`),
            [400, 401],
          ),
        ];
      }),
      withToken(
        "signature with stray bits in its last character",
        respelled(({ h, p, s }) => {
          const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
          // 64 bytes end in a character of which only the two upper bits count.
          return `${h}.${p}.${s.slice(0, -1)}${alphabet[alphabet.indexOf(s.slice(-1)) ^ 1]}`;
        }),
      ),
      ...[
        '\ufeff{"alg":"ES256","kid":"es-1"}',
        '["ES256"]',
        "null",
        '"ES256"',
        '{"alg":"ES256","kid":"es-1"}x',
        '{"alg":"ES256" "kid":"es-1"}',
      ].map((text) => withToken(`header ${text}`, headerText(text))),
      // Not quite JSON, but signed by the issuer and read in one way only: the proxy's library takes it, and nobody
      // else can write it.
      ...[
        withToken("header with a comma at the end", headerText('{"alg":"ES256","kid":"es-1",}')),
        withToken("header with single quotes", headerText("{'alg':'ES256','kid':'es-1'}")),
        withToken(
          "payload with a comma at the end",
          payloadText((honest) => honest.replace(/}$/, ",}")),
        ),
        withToken(
          "payload with single quotes",
          payloadText((honest) => honest.replaceAll('"', "'")),
        ),
        withToken(
          "payload with a lone surrogate",
          payloadText((honest) => honest.replace("{", '{"x":"\\ud800",')),
        ),
      ].map((row): Row => ({ ...row, actor: "root", expect: [200, 401] })),
      withToken(
        "payload with something after it",
        payloadText((honest) => `${honest}{}`),
      ),
      withToken(
        "payload after a byte order mark",
        payloadText((honest) => `\ufeff${honest}`),
      ),
      withToken(
        "payload with a comment",
        payloadText((honest) => honest.replace("{", "{/**/")),
      ),
      withToken(
        "payload with NaN",
        payloadText((honest) => honest.replace("{", '{"x":NaN,')),
      ),
      withToken(
        "payload that is an array",
        payloadText((honest) => `[${honest}]`),
      ),
      withToken(
        "payload that is null",
        payloadText(() => "null"),
      ),
      withToken(
        "payload that is empty",
        payloadText(() => ""),
      ),
    ],
  },
  {
    ...group,
    id: "C20",
    name: "number of parts",
    tier: "D",
    rows: [
      withToken(
        "one",
        respelled(({ h }) => h),
      ),
      withToken(
        "two",
        respelled(({ h, p }) => `${h}.${p}`),
      ),
      withToken(
        "two and a dot",
        respelled(({ h, p }) => `${h}.${p}.`),
      ),
      withToken(
        "four, the last empty",
        respelled(({ h, p, s }) => `${h}.${p}.${s}.`),
      ),
      withToken(
        "four",
        respelled(({ h, p, s }) => `${h}.${p}.${s}.${s}`),
      ),
      withToken(
        "no header",
        respelled(({ p, s }) => `.${p}.${s}`),
      ),
      withToken(
        "no payload",
        respelled(({ h, s }) => `${h}..${s}`),
      ),
      withToken("dots only", () => ".."),
      withToken("a dot", () => "."),
      withToken(
        "JSON serialisation",
        respelled(({ h, p, s }) => JSON.stringify({ protected: h, payload: p, signature: s })),
      ),
      withToken("header of one token, payload of another", (mint) => {
        const [h] = mint.honest("alice").split(".");
        const [, p] = mint.honest("root").split(".");
        return `${h}.${p}.${mint.honest("alice").split(".")[2]}`;
      }),
      withToken("payload of root under alice's signature", (mint) => {
        const [h, , s] = mint.honest("alice").split(".");
        return `${h}.${mint.honest("root").split(".")[1]}.${s}`;
      }),
    ],
  },
  {
    ...group,
    id: "C21",
    name: "large tokens",
    rows: [
      withToken("9 KiB", claims({ pad: "a".repeat(6_700) }), [401, 431]),
      withToken("28 KiB", claims({ pad: "a".repeat(20_000) }), [401, 431]),
      withToken("1 MiB", claims({ pad: "a".repeat(786_000) }), [401, 431, "closed"]),
      withToken(
        "1,000 claims",
        claims(Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`c${index}`, 1]))),
        [401, 431],
      ),
      withToken(
        "a claim 65 deep",
        payloadText((honest) => honest.replace("{", `{"x":${"[".repeat(65)}${"]".repeat(65)},`)),
      ),
      withToken(
        "a claim 2,000 deep",
        payloadText((honest) => honest.replace("{", `{"x":${"[".repeat(2_000)}${"]".repeat(2_000)},`)),
      ),
      withToken("9 KiB of garbage", () => "a".repeat(9_216), [401, 431]),
    ],
  },
  {
    ...group,
    id: "C22",
    name: "scheme tricks",
    tier: "DGE",
    rows: [
      {
        ...withAuthorization("bearer in lower case", (mint) => [`Authorization: bearer ${mint.honest("root")}`], [200]),
        actor: "root",
      },
      {
        ...withAuthorization("BEARER", (mint) => [`Authorization: BEARER ${mint.honest("root")}`], [200, 401]),
        actor: "root",
      },
      ...(
        [
          ["two blanks", (token: string) => `Bearer  ${token}`],
          ["a tab", (token: string) => `Bearer\t${token}`],
          ["no blank", (token: string) => `Bearer${token}`],
          ["a colon", (token: string) => `Bearer: ${token}`],
          ["equals", (token: string) => `Bearer=${token}`],
          ["quotes", (token: string) => `Bearer "${token}"`],
          ["Bearer twice", (token: string) => `Bearer Bearer ${token}`],
          ["Basic", (token: string) => `Basic ${token}`],
          ["JWT", (token: string) => `JWT ${token}`],
          ["no scheme", (token: string) => token],
          ["something after a blank", (token: string) => `Bearer ${token} x`],
          ["a comma after it", (token: string) => `Bearer ${token},`],
          ["a second token after a comma", (token: string) => `Bearer ${token}, Bearer ${token}`],
          ["a second token first", (token: string) => `Bearer x, Bearer ${token}`],
          ["another scheme before it", (token: string) => `x Bearer ${token}`],
          ["Basic before it", (token: string) => `Basic Bearer ${token}`],
          ["Negotiate first", (token: string) => `Negotiate x, Bearer ${token}`],
          ["a vertical tab", (token: string) => `Bearer \x0b${token}`],
          ["a no-break space", (token: string) => `Bearer\xa0${token}`],
        ] as const
      ).map(([what, value]) =>
        withAuthorization(what, (mint) => [`Authorization: ${value(mint.honest("root"))}`], [400, 401]),
      ),
      withAuthorization(
        "two headers, the same",
        (mint) => Array.from({ length: 2 }, () => `Authorization: Bearer ${mint.honest("root")}`),
        [400, 401],
      ),
      // The proxy drops the empty one and the blanks around a value: the application sees one plain credential.
      ...[
        (token: string) => ["Authorization:", `Authorization: Bearer ${token}`],
        (token: string) => [`Authorization: Bearer ${token}`, "Authorization:"],
        (token: string) => [`Authorization: \t Bearer ${token} \t`],
      ].map((lines, index): Row => ({
        ...withAuthorization(`what the proxy drops ${index}`, (mint) => lines(mint.honest("root")), [200, 400, 401]),
        actor: "root",
      })),
      withAuthorization(
        "nominated by Connection",
        (mint) => ["Connection: authorization", `Authorization: Bearer ${mint.honest("root")}`],
        [400, 401],
      ),
      withAuthorization(
        "Proxy-Authorization",
        (mint) => [`Proxy-Authorization: Bearer ${mint.honest("root")}`],
        [400, 401],
      ),
      withAuthorization("X-Authorization", (mint) => [`X-Authorization: Bearer ${mint.honest("root")}`], [401]),
    ],
  },
  {
    ...group,
    id: "C23",
    name: "token in places that are not configured",
    rows: [
      inPlace("query alone", (mint) => ({ target: `/admin/secret?access_token=${mint.honest("root")}` }), [401]),
      inPlace(
        "cookie alone",
        (mint) => ({ headers: [`Cookie: access_token=${mint.honest("root")}; token=${mint.honest("root")}`] }),
        [401],
      ),
      inPlace(
        "form body alone",
        (mint) => ({
          method: "POST",
          headers: ["Content-Type: application/x-www-form-urlencoded"],
          body: `access_token=${mint.honest("root")}`,
        }),
        [400, 401, 415],
      ),
      {
        ...inPlace(
          "alice in the header, root in the query",
          (mint) => ({
            target: `/admin/secret?access_token=${mint.honest("root")}`,
            headers: [`Authorization: Bearer ${mint.honest("alice")}`],
          }),
          [401, 403],
        ),
      },
      inPlace(
        "a bad one in the header, a good one in the query",
        (mint) => ({
          target: `/admin/secret?access_token=${mint.honest("root")}`,
          headers: ["Authorization: Bearer x"],
        }),
        [401],
      ),
    ],
  },
  {
    ...group,
    id: "C24",
    name: "good token and a hostile one in a second place",
    tier: "D",
    rows: [
      {
        ...inPlace(
          "good in the header, expired in the query",
          (mint) => ({
            target: `/admin/secret?access_token=x.y.z`,
            headers: [`Authorization: Bearer ${mint.honest("root")}`],
          }),
          [200, 401],
        ),
        actor: "root",
      },
    ],
    laterIssue: "a second place is ignored; refusing it needs a list of the places an application reads",
  },
  {
    ...group,
    id: "C25",
    name: "keys too weak to be keys",
    tier: "DK",
    rows: [],
    laterIssue: "refused when the identity is read; badKeys of this range shows that such a set opens nothing",
  },
  {
    ...group,
    id: "C26",
    name: "ECDSA signatures at the edges",
    tier: "D",
    rows: [
      ...(
        [
          ["0", zero],
          ["n", p256Order],
          ["n-1", orderLessOne],
          ["ff", Buffer.alloc(32, 0xff)],
        ] as const
      ).flatMap(([name, value]) => [
        withToken(
          `r = ${name}`,
          signature((old) => Buffer.concat([value, old.subarray(32)])),
        ),
        withToken(
          `s = ${name}`,
          signature((old) => Buffer.concat([old.subarray(0, 32), value])),
        ),
        withToken(
          `r = s = ${name}`,
          signature(() => Buffer.concat([value, value])),
        ),
      ]),
      withToken("DER", signature(derOf)),
      withToken(
        "65 bytes",
        signature((old) => Buffer.concat([old, zero.subarray(0, 1)])),
      ),
      withToken(
        "66 bytes",
        signature((old) =>
          Buffer.concat([zero.subarray(0, 1), old.subarray(0, 32), zero.subarray(0, 1), old.subarray(32)]),
        ),
      ),
      withToken(
        "63 bytes",
        signature((old) => old.subarray(0, 63)),
      ),
      withToken(
        "128 bytes",
        signature((old) => Buffer.concat([old, old])),
      ),
      withToken(
        "halves swapped",
        signature((old) => Buffer.concat([old.subarray(32), old.subarray(0, 32)])),
      ),
      withToken(
        "one bit changed",
        signature((old) => Buffer.concat([old.subarray(0, 63), Buffer.from([(old[63] ?? 0) ^ 1])])),
      ),
      withToken(
        "an HMAC of it",
        respelled(({ h, p }) => `${h}.${p}.${encode(createHmac("sha512", "").update(`${h}.${p}`).digest())}`),
      ),
    ],
  },
  {
    ...group,
    id: "C27",
    name: "rotated keys",
    tier: "DF",
    rows: [],
    laterIssue: "not a table: a test of its own rotates the keys while the stack runs",
  },
  ...(["C28", "C29", "C30"] as const).map((id): Vector => ({
    ...group,
    id,
    name: { C28: "hostile key endpoint", C29: "flood of unknown kids", C30: "key address inside the cluster" }[id],
    tier: "GF",
    rows:
      id === "C29"
        ? Array.from({ length: 20 }, (_, index) => withToken(`unknown kid ${index}`, header({ kid: `u-${index}` })))
        : [],
    laterIssue: "keys fetched from an address come with the operator's fetcher; here they are in the file",
  })),
  {
    ...group,
    id: "C31",
    name: "token of another type",
    tier: "D",
    rows: [],
    laterIssue: "no field of ApiIdentity names the type of a token yet",
  },
  {
    ...group,
    id: "C32",
    name: "revoked subjects",
    tier: "GF",
    rows: [],
    laterIssue: "deny lists come with ApiBlock",
  },
  {
    ...group,
    id: "C33",
    name: "opaque token where a JWT is expected",
    tier: "D",
    rows: ["0123456789abcdef", "pk_1_secret", "a.b", "eyJ", "null", "undefined", "{}", "0", "true"].map((token) =>
      withToken(token, () => token),
    ),
  },
  {
    ...group,
    id: "C34",
    name: "published signature vectors",
    tier: "D",
    rows: [],
    laterIssue: "a test of the decision library against published files; C19 and C26 hold our own of the same kinds",
  },
  {
    ...group,
    id: "C90",
    name: "honest tokens pass",
    rows: [
      { ...withToken("ES256", (mint) => mint.honest("root"), [200]), actor: "root" },
      { ...withToken("RS256", bent({}, { algorithm: "RS256" }), [200]), actor: "root" },
      { ...withToken("no typ", header({ typ: undefined }), [200]), actor: "root" },
      { ...withToken("typ at+jwt", header({ typ: "at+jwt" }), [200]), actor: "root" },
      {
        ...withToken(
          "nbf a minute ago",
          timed((now) => ({ nbf: now - 60 })),
          [200],
        ),
        actor: "root",
      },
      {
        ...withToken(
          "claims we do not know",
          claims({ email: "root@shop.example", nested: { a: [1, 2.5, null] } }),
          [200],
        ),
        actor: "root",
      },
      aliceWith("customer as a number", { customer: 1 }, [200], "/orders/1"),
    ],
  },
];

function inPlace(what: string, plain: (mint: Mint) => Parameters<typeof requestText>[1], expect: Row["expect"]): Row {
  return { what, expect, send: bytes((shot) => requestText(shot, { target: "/admin/secret", ...plain(shot.mint) })) };
}
