import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { CheckResponse } from "../../../protos/gen/envoy/service/auth/v3/external_auth.ts";
import * as wire from "../../../protos/gen/picket/policy/v1alpha1/policy.ts";
import { createCheckHandler, type CheckHandler } from "../../../sidecar/check/handler.ts";
import { createDecisionIds } from "../../../sidecar/check/decision-ids.ts";
import { principalBytesMax } from "../../../sidecar/check/proxy-principal.ts";
import type { PolicyStore } from "../../../sidecar/policies/store.ts";
import type { Decision } from "../../../sidecar/report/decision-record.ts";
import { randomFrom } from "../../core/policy/random-policies.ts";
import { checkRequest, nowMs, refusalOf, type CheckFields } from "./check-requests.ts";
import { accountsPolicy, storeOf } from "./policies.ts";

interface Harness {
  readonly check: CheckHandler;
  readonly decisions: Decision[];
  readonly faults: unknown[];
  /** Reasons of answers to strangers. */
  readonly unproven: string[];
}

function harness(policies: PolicyStore = storeOf(accountsPolicy())): Harness {
  const decisions: Decision[] = [];
  const faults: unknown[] = [];
  const unproven: string[] = [];
  const check = createCheckHandler({
    policies,
    clock: { now: () => nowMs, monotonic: () => 0 },
    ids: createDecisionIds(new Uint8Array(16)),
    decided: (decision) => decisions.push(decision),
    unproven: (reason) => unproven.push(reason),
    faulted: (error) => faults.push(error),
    recordViews: true,
  });
  return { check, decisions, faults, unproven };
}

function ask(
  fields: CheckFields,
  policy?: wire.WorkloadPolicy,
): { allowed: boolean; reason: string; detail: string | undefined; status: number } {
  const { check, decisions } = harness(policy && storeOf(policy));
  const response = CheckResponse.decode(check(checkRequest(fields)));
  const { verdict } = decisions[0]!.judgement;
  const refusal = refusalOf(response);
  return {
    allowed: refusal === undefined && response.status?.code === 0,
    reason: verdict.reason,
    detail: verdict.evidence.detail,
    status: refusal?.status?.code ?? 200,
  };
}

interface Row {
  readonly name: string;
  readonly fields: CheckFields;
  readonly reason: string;
  readonly status: number;
}

const owner = { claims: {} };

function nested(depth: number): unknown {
  return depth === 0 ? 1 : depth % 2 === 0 ? [nested(depth - 1)] : { a: nested(depth - 1) };
}

const rows: readonly Row[] = [
  { name: "lets the owner read", fields: owner, reason: "rule-allowed", status: 200 },
  { name: "lets nobody read without a token", fields: {}, reason: "credential-missing", status: 401 },
  { name: "treats a missing token as missing", fields: { failed: 1 }, reason: "credential-missing", status: 401 },
  { name: "tells an expired token", fields: { failed: 3 }, reason: "credential-expired", status: 401 },
  { name: "refuses a token that did not verify", fields: { failed: 26 }, reason: "credential-invalid", status: 401 },
  { name: "refuses others", fields: { claims: { account: "A-2" } }, reason: "resource-owner-mismatch", status: 403 },
  {
    name: "refuses a header that must be understood",
    fields: { claims: {}, header: { alg: "ES256", crit: ["exp"] } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a payload that is not encoded",
    fields: { claims: {}, header: { alg: "ES256", b64: false } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses an algorithm that the identity does not name",
    fields: { claims: {}, header: { alg: "RS256" } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a token from the future",
    fields: { claims: { iat: nowMs / 1000 + 120 } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses an expiry that is no plain number",
    fields: { claims: { exp: 1e300 } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a token without a principal",
    fields: { claims: { sub: "" } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a principal that is not text",
    fields: { claims: { sub: { a: 1 } } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a compressed payload",
    fields: { claims: {}, header: { alg: "ES256", zip: "DEF" } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a token with more claims than it looks at",
    fields: { claims: Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`c${i}`, 1])) },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a principal with a longer name than is kept",
    fields: { claims: { sub: "a".repeat(principalBytesMax + 1) } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "takes a principal with the longest name",
    fields: { claims: { sub: "a".repeat(principalBytesMax) } },
    reason: "rule-allowed",
    status: 200,
  },
  {
    name: "refuses a token larger than it reads",
    fields: { claims: { blob: "x".repeat(7_000) } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a claim nested deeper than it looks",
    fields: { claims: { deep: nested(65) } },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "takes a claim nested less deep",
    fields: { claims: { deep: nested(60) } },
    reason: "rule-allowed",
    status: 200,
  },
  {
    name: "refuses a token that is not spelled in the one way",
    fields: { claims: {}, shape: "denied" },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "refuses a token whose spelling the proxy did not look at",
    fields: { claims: {}, shape: "" },
    reason: "credential-invalid",
    status: 401,
  },
  {
    name: "does not know another provider's token",
    fields: { claims: {}, provider: "p1" },
    reason: "credential-missing",
    status: 401,
  },
  {
    name: "refuses an unknown workload",
    fields: { ...owner, workload: "bank/other" },
    reason: "policy-not-ready",
    status: 503,
  },
  {
    name: "refuses an ambiguous path",
    fields: { ...owner, path: "/v1/accounts/..%2fA-1" },
    reason: "path-ambiguous",
    status: 400,
  },
  { name: "refuses an empty path", fields: { ...owner, path: "" }, reason: "path-ambiguous", status: 400 },
  { name: "refuses an unknown method", fields: { ...owner, method: "get" }, reason: "method-unknown", status: 400 },
  { name: "refuses a bad host", fields: { ...owner, host: "a,b" }, reason: "authority-ambiguous", status: 400 },
  {
    name: "refuses a header name with a dot",
    fields: { ...owner, headers: [["x.user", "1"]] },
    reason: "header-ambiguous",
    status: 400,
  },
  {
    name: "refuses a repeated content type",
    fields: {
      ...owner,
      headers: [
        ["content-type", "a/b"],
        ["content-type", "c/d"],
      ],
    },
    reason: "header-ambiguous",
    status: 400,
  },
  {
    name: "refuses more headers than it looks at",
    fields: { ...owner, headers: Array.from({ length: 300 }, (_, i) => [`x-${i}`, "1"] as const) },
    reason: "headers-too-large",
    status: 431,
  },
  { name: "denies its canary", fields: { path: "/.well-known/picket/canary/r1" }, reason: "canary", status: 403 },
];

const governed = accountsPolicy({ guards: { maxBodyBytes: 64, maxJsonDepth: 3 } });
const json = [["content-type", "application/json"]] as const;
const body = (text: string): Uint8Array => new TextEncoder().encode(text);
const transfer = { method: "POST", path: "/transfer" };

const bodyRows: readonly Row[] = [
  {
    name: "accepts plain JSON",
    fields: { ...transfer, headers: json, body: body('{"to":"A-2"}') },
    reason: "rule-allowed",
    status: 200,
  },
  {
    name: "refuses a duplicate key",
    fields: { ...transfer, headers: json, body: body('{"a":1,"\\u0061":2}') },
    reason: "body-ambiguous",
    status: 400,
  },
  {
    name: "refuses deep JSON",
    fields: { ...transfer, headers: json, body: body("[[[[1]]]]") },
    reason: "body-ambiguous",
    status: 400,
  },
  {
    name: "refuses a body that was cut",
    fields: { ...transfer, headers: json, body: body("{}"), size: 60 },
    reason: "body-ambiguous",
    status: 400,
  },
  {
    name: "refuses a body that was not sent",
    fields: { ...transfer, headers: json, size: 12 },
    reason: "body-ambiguous",
    status: 400,
  },
  {
    name: "refuses a large body",
    fields: { ...transfer, headers: json, body: body(`"${"x".repeat(80)}"`) },
    reason: "body-too-large",
    status: 413,
  },
  {
    name: "refuses a body without a type",
    fields: { ...transfer, body: body("{}") },
    reason: "content-type-unsupported",
    status: 415,
  },
  {
    name: "refuses other types, which an application may read as JSON all the same",
    fields: { ...transfer, headers: [["content-type", "text/plain"]], body: body("{") },
    reason: "content-type-unsupported",
    status: 415,
  },
  { name: "asks for no body", fields: transfer, reason: "rule-allowed", status: 200 },
];

describe("the check handler", () => {
  for (const { name, fields, reason, status } of rows) {
    it(name, () => {
      const answer = ask(fields);
      assert.deepEqual([answer.reason, answer.status, answer.allowed], [reason, status, status === 200]);
    });
  }

  for (const { name, fields, reason, status } of bodyRows) {
    it(`governing bodies, ${name}`, () => {
      const answer = ask(fields, governed);
      assert.deepEqual([answer.reason, answer.status], [reason, status]);
    });
  }

  it("tells the operator, not the caller, what is wrong with a token", () => {
    const wrong: readonly [CheckFields, RegExp][] = [
      [{ failed: 26 }, /^Jwt verification fails$/],
      [{ claims: {}, header: { alg: "RS256" } }, /algorithm/],
      [{ claims: { iat: nowMs / 1000 + 120 } }, /future/],
      [{ claims: {}, shape: "denied" }, /spelled/],
      [{ claims: { sub: 7 } }, /principal/],
    ];
    for (const [fields, says] of wrong) assert.match(ask(fields).detail ?? "", says);
  });

  it("tells whose keys are stale, and lets no token of that issuer in", () => {
    const stale = accountsPolicy({
      issuers: [{ provider: "p0", issuer: "i", principalClaim: "sub", algorithms: ["ES256"], keysStale: true }],
    });
    assert.equal(ask({ failed: 26 }, stale).reason, "keys-stale");
    assert.equal(ask(owner, stale).reason, "keys-stale");
  });

  it("refuses two verified tokens at once", () => {
    const two = accountsPolicy({
      issuers: [
        { provider: "p0", issuer: "a", principalClaim: "sub", algorithms: ["ES256"] },
        { provider: "p0", issuer: "b", principalClaim: "sub", algorithms: ["ES256"] },
      ],
    });
    assert.equal(ask(owner, two).reason, "credential-invalid");
  });

  it("lets everything pass in Shadow and records what it would have said", () => {
    const answer = ask({ claims: { account: "A-2" } }, accountsPolicy({ mode: wire.Mode.MODE_SHADOW }));
    assert.deepEqual([answer.allowed, answer.reason], [true, "resource-owner-mismatch"]);
  });

  it("passes an ambiguous request in Shadow, flagged", () => {
    const answer = ask({ path: "/a%2fb" }, accountsPolicy({ mode: wire.Mode.MODE_SHADOW }));
    assert.deepEqual([answer.allowed, answer.reason], [true, "path-ambiguous"]);
  });

  it("takes the client's address from the proxy's header, not from the peer", () => {
    const limited = accountsPolicy({
      limits: [
        {
          name: "source",
          policy: "bank/accounts",
          key: [{ kind: wire.LimitKey_Kind.KIND_SOURCE_ADDRESS }],
          requests: 1,
          windowMs: 60_000,
        },
      ],
    });
    const { check, decisions } = harness(storeOf(limited));
    for (const address of ["198.51.100.1", "198.51.100.2", "198.51.100.1"]) {
      check(checkRequest({ path: "/healthz", headers: [["x-envoy-external-address", address]] }));
    }
    assert.deepEqual(
      decisions.map(({ judgement }) => judgement.verdict.kind),
      ["allow", "allow", "throttle"],
    );
  });

  it("answers 503 to bytes that are no CheckRequest, and says so", () => {
    const { check, decisions, faults } = harness();
    const response = CheckResponse.decode(check(Uint8Array.of(0x0a, 0xff, 0x01)));
    assert.equal(refusalOf(response)?.status?.code, 503);
    assert.equal(decisions[0]!.judgement.verdict.reason, "check-unreadable");
    assert.equal(faults.length, 1);
  });

  it("never tells the method of one request in the decision of another", () => {
    const { check, decisions } = harness();
    check(checkRequest({ method: "POST", path: "/transfer" }));
    check(Uint8Array.of(0x0a, 0xff, 0x01));
    check(checkRequest({ method: "BREW", path: "/healthz" }));
    check(checkRequest({ path: "/healthz" }));
    assert.deepEqual(
      decisions.map(({ method }) => method),
      ["POST", "", "", "GET"],
    );
  });

  it("survives a sink that throws", () => {
    const faults: unknown[] = [];
    const check = createCheckHandler({
      policies: storeOf(accountsPolicy()),
      clock: { now: () => nowMs, monotonic: () => 0 },
      ids: createDecisionIds(new Uint8Array(16)),
      decided: () => {
        throw new Error("disk full");
      },
      unproven: () => undefined,
      faulted: (error) => faults.push(error),
      recordViews: false,
    });
    assert.equal(CheckResponse.decode(check(checkRequest({ path: "/healthz" }))).status?.code, 0);
    assert.equal(faults.length, 1);
  });

  it("never allows what a broken clock or policy store throws at it", () => {
    const throws = (): never => {
      throw new Error("fault");
    };
    const broken: PolicyStore = { get: throws, apply: throws, isReady: true, demandsProof: false, workloads: () => [] };
    const { check, decisions } = harness(broken);
    const response = CheckResponse.decode(check(checkRequest(owner)));
    assert.equal(refusalOf(response)?.status?.code, 503);
    assert.equal(decisions[0]!.judgement.verdict.reason, "internal-error");
  });

  describe("where proxies prove themselves", () => {
    const key = "k".repeat(43);
    const digest = createHash("sha256").update(key).digest();
    const limited = accountsPolicy({
      limits: [{ name: "all", policy: "bank/accounts", key: [], requests: 1, windowMs: 60_000 }],
      proxyKeyDigests: [digest],
    });
    const health = { path: "/healthz" };

    it("judges who carries the workload's key, at the first time and after", () => {
      const { check, decisions, unproven } = harness(storeOf(limited));
      for (let i = 0; i < 2; i++) check(checkRequest({ ...health, key }));
      assert.deepEqual(
        decisions.map(({ judgement }) => judgement.verdict.kind),
        ["allow", "throttle"],
      );
      assert.deepEqual(unproven, []);
    });

    const strangers: Readonly<Record<string, CheckFields>> = {
      "no key": health,
      "an empty key": { ...health, key: "" },
      "another key": { ...health, key: "x".repeat(43) },
      "the beginning of the key": { ...health, key: key.slice(0, -1) },
      "the key and more": { ...health, key: `${key}k` },
      "a key longer than it reads": { ...health, key: "k".repeat(100_000) },
      "the digest instead of the key": { ...health, key: digest.toString("hex") },
      "a workload that is not there": { ...health, key, workload: "bank/nowhere" },
      "the name of every object": { ...health, key, workload: "constructor" },
    };
    for (const [name, fields] of Object.entries(strangers)) {
      it(`refuses ${name} in the same words, records nothing and counts no limit`, () => {
        const { check, decisions, faults, unproven } = harness(storeOf(limited));
        const response = CheckResponse.decode(check(checkRequest(fields)));
        assert.equal(refusalOf(response)?.status?.code, 503);
        assert.equal(response.status?.message, "proxy-unknown");
        assert.deepEqual([decisions, faults, unproven], [[], [], ["proxy-unknown"]]);
        check(checkRequest({ ...health, key }));
        assert.equal(decisions[0]?.judgement.verdict.kind, "allow", "the limit of one is still whole");
      });
    }

    it("refuses a stranger in Shadow as well, which the open instance of the proxy lets pass", () => {
      const shadow = { ...limited, mode: wire.Mode.MODE_SHADOW };
      const { check } = harness(storeOf(shadow));
      assert.equal(refusalOf(CheckResponse.decode(check(checkRequest(health))))?.status?.code, 503);
    });

    it("records nothing of bytes that are no question, and calls them no fault", () => {
      const { check, decisions, faults, unproven } = harness(storeOf(limited));
      check(Uint8Array.of(0x0a, 0xff, 0x01));
      assert.deepEqual([decisions, faults, unproven], [[], [], ["check-unreadable"]]);
    });

    it("takes the old and the new key while keys are exchanged", () => {
      const other = createHash("sha256").update("n".repeat(43)).digest();
      const { check, unproven } = harness(storeOf({ ...limited, proxyKeyDigests: [digest, other] }));
      for (const one of [key, "n".repeat(43), key]) check(checkRequest({ ...health, key: one }));
      assert.deepEqual(unproven, []);
    });
  });

  it("never allows a Check whose bytes were damaged more than the undamaged one", () => {
    const { check, decisions } = harness();
    const random = randomFrom(7);
    const refused = checkRequest({ claims: { account: "A-2" } });
    const unread = { allows: 0, total: 0 };
    for (let i = 0; i < 20_000; i++) {
      const damaged = Buffer.from(refused);
      const cuts = random() < 0.3 ? damaged.subarray(0, Math.floor(random() * damaged.length)) : damaged;
      if (cuts.length > 0 && cuts.length === damaged.length)
        cuts[Math.floor(random() * cuts.length)]! ^= 1 << Math.floor(random() * 8);
      const response = CheckResponse.decode(check(cuts));
      unread.total++;
      const { verdict } = decisions.at(-1)!.judgement;
      assert.equal(response.status?.code === 0, verdict.kind === "allow");
      // One flipped bit can turn A-2 into A-0, but never into the owner's A-1 and another path at once.
      if (verdict.kind === "allow") unread.allows++;
      decisions.length = 0;
    }
    // A flip of "2" that gives another owner's path cannot be told from a true one; nearly everything else must refuse.
    assert.ok(unread.allows < unread.total / 200, `${unread.allows} of ${unread.total}`);
  });
});
