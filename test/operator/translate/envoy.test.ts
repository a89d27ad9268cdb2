import assert from "node:assert/strict";
import type { EffectivePolicy } from "../../../core/policy/effective-policy.ts";
import { CheckResponse } from "../../../protos/gen/envoy/service/auth/v3/external_auth.ts";
import { cases, enforced } from "../../golden/translate/cases.ts";
import { envoyOrSkip, passes, Rig, rigProxyKey, type Answer } from "./rig.ts";

const base: EffectivePolicy = { ...enforced, failure: { ...enforced.failure, timeoutMs: 2000 } };
const refusal = CheckResponse.fromPartial({
  status: { code: 7 },
  httpResponse: {
    $case: "deniedResponse",
    deniedResponse: { status: { code: 403 }, body: '{"by":"the scorer"}' },
  },
});

function isProblem(answer: Answer, status: number): void {
  assert.equal(answer.status, status, answer.body);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  const body = JSON.parse(answer.body) as Record<string, unknown>;
  assert.equal(body.status, status);
  assert.equal(typeof body.title, "string");
  // What Envoy answers before it has given the request an id says why, and no id: there would be only the caller's own.
  assert.ok("id" in body || "reason" in body);
}

describe("an Envoy that runs what translateWorkload gives", function () {
  let rig: Rig;
  let serial = 0;

  /** Puts a policy in force and waits until a request is judged under it: the revision changes with a marker rule. */
  async function inForce(policy: EffectivePolicy): Promise<void> {
    const timeoutMs = policy.failure.timeoutMs + (serial++ % 2);
    const marked = { ...policy, failure: { ...policy.failure, timeoutMs } };
    rig.change(marked);
    await rig.settled(marked);
    rig.checks.length = 0;
    rig.received.length = 0;
  }

  before(async function () {
    rig = new Rig(envoyOrSkip(this));
    await rig.start(base, base);
  });
  afterEach(() => {
    rig.reply = () => passes;
  });
  after(async () => {
    await rig?.stop();
  });

  it("asks once, names workload and revision, and withholds secrets but no other header", async () => {
    await inForce(base);
    const headers = { authorization: "Bearer a.b.c", cookie: "a=b", "proxy-authorization": "c", "x-odd": "1" };
    assert.equal((await rig.ask("GET", "/healthz", { headers })).status, 200);
    assert.equal(rig.checks.length, 1);
    const attributes = rig.checks[0]?.attributes;
    assert.equal(attributes?.contextExtensions.workload, "bank/accounts");
    assert.match(attributes?.contextExtensions.revision ?? "", /^[0-9a-f]{16}$/);
    assert.equal(attributes?.contextExtensions.key, rigProxyKey);
    const names = attributes?.request?.http?.headerMap?.headers.map((header) => header.key) ?? [];
    for (const name of ["authorization", "cookie", "proxy-authorization"]) assert.ok(!names.includes(name), name);
    for (const name of ["x-odd", "x-request-id", "x-envoy-external-address"]) assert.ok(names.includes(name), name);
    const failed = attributes?.metadataContext?.filterMetadata["envoy.filters.http.jwt_authn"] as {
      p0_failed?: object;
    };
    assert.ok(failed.p0_failed !== undefined);
    assert.equal(rig.received[0]?.headers.authorization, "Bearer a.b.c");
  });

  it("proves itself in each entry of its access log, answered or refused", async () => {
    await inForce(base);
    await rig.forgetLog();
    rig.reply = ({ attributes }) => (attributes?.request?.http?.path === "/refused" ? refusal : passes);
    for (const path of ["/healthz", "/refused", "/a%2fb"]) await rig.ask("GET", path);
    await rig.until(() => rig.logged.length === 3);
    for (const { commonProperties } of rig.logged) {
      assert.deepEqual(commonProperties?.customTags, { workload: "bank/accounts", key: rigProxyKey });
    }
  });

  it("removes what only Picket may say, and what overrides the judged path", async () => {
    await inForce(base);
    const spoofed = [
      "x-picket-decision",
      "x.picket.decision",
      "x-picket.decision",
      "x-picket",
      "x-envoy-original-path",
    ];
    const overriding = [
      "x-original-url",
      "x-rewrite-url",
      "x-http-method-override",
      "x.original.url",
      "x-forwarded-host",
    ];
    const headers = Object.fromEntries([...spoofed, ...overriding].map((name) => [name, "/admin"]));
    assert.equal((await rig.ask("GET", "/healthz", { headers })).status, 200);
    for (const name of [...spoofed, ...overriding]) assert.equal(rig.received[0]?.headers[name], undefined, name);

    await inForce({ ...base, mode: "observe" });
    await rig.ask("GET", "/healthz", { headers });
    for (const name of spoofed) assert.equal(rig.received[0]?.headers[name], undefined, name);
  });

  it("refuses ambiguous requests with 400 before anybody is asked", async () => {
    await inForce(base);
    for (const path of ["/a;b", "/a%2fb", "/a%5cb", "/%252e", "/%zz", "/a%", "/%c0%ae", "/%3b"]) {
      isProblem(await rig.ask("GET", path), 400);
    }
    for (const host of ["a@b", "a,b", "a_b:x"]) isProblem(await rig.ask("GET", "/", { headers: { host } }), 400);
    isProblem(await rig.ask("TRACE", "/"), 400);
    assert.equal(rig.checks.length + rig.received.length, 0);
  });

  it("refuses bytes of a query that are no text, since Envoy shows the scorer `!` in their place", async () => {
    await inForce(base);
    for (const path of ["/?a=\xff", "/?view=a\xffb", "/?\xc0\xaf", "/?a=\xc3\xa9", "/?\x80"]) {
      assert.equal(await rig.askHttp2(path), 400, JSON.stringify(path));
    }
    assert.equal(await rig.askHttp2("/?a=100%&b=~[x]|{y}^`"), 200);
    assert.deepEqual([rig.checks.length, rig.received.length], [1, 1]);
  });

  it("tells the scorer of tokens in two places, of which Envoy may verify only one", async () => {
    const from = ["authorization", "x-token", "x-third"].map((header) => ({ header, scheme: "Bearer" }));
    await inForce({
      ...base,
      identities: base.identities.map((identity) => ({
        ...identity,
        jwt: identity.jwt.map((issuer) => ({ ...issuer, from })),
      })),
    });
    const token = `Bearer e30.e30.${"A".repeat(86)}`;
    const shapeOf = async (headers: Record<string, string>): Promise<unknown> => {
      await rig.ask("GET", "/healthz", { headers });
      const metadata = rig.checks.at(-1)?.attributes?.metadataContext?.filterMetadata["envoy.filters.http.rbac"];
      return (metadata as { token_shadow_engine_result?: unknown } | undefined)?.token_shadow_engine_result;
    };
    for (const { header } of from) assert.equal(await shapeOf({ [header]: token }), "allowed");
    assert.equal(await shapeOf({}), "allowed");
    for (const [one, two] of [
      ["authorization", "x-token"],
      ["authorization", "x-third"],
      ["x-token", "x-third"],
    ] as const) {
      assert.equal(await shapeOf({ [one]: token, [two]: token }), "denied", `${one} ${two}`);
    }
  });

  it("hands the scorer's own refusal on as it is", async () => {
    await inForce(base);
    rig.reply = () => refusal;
    const answer = await rig.ask("GET", "/healthz");
    assert.deepEqual([answer.status, answer.body], [403, '{"by":"the scorer"}']);
    assert.equal(rig.received.length, 0);
  });

  it("answers 503 when the scorer is silent, after the policy's timeout, and passes where the policy says so", async () => {
    rig.reply = () => passes;
    await inForce({ ...base, failure: { ...base.failure, timeoutMs: 60 } });
    rig.reply = () => "silence";
    isProblem(await rig.ask("GET", "/healthz"), 503);
    assert.equal(rig.received.length, 0);

    rig.reply = () => passes;
    await inForce({ ...base, failure: { decision: "allow", timeoutMs: 60, keysMaxStaleMs: 1 } });
    rig.reply = () => "silence";
    assert.equal((await rig.ask("GET", "/healthz")).status, 200);
    assert.equal(rig.received[0]?.headers["x-envoy-auth-failure-mode-allowed"], "true");
    rig.reply = () => refusal;
    assert.equal((await rig.ask("GET", "/healthz")).status, 403);
  });

  it("sends bodies as bytes up to the limit and refuses larger ones before anybody is asked", async () => {
    await inForce({ ...base, guards: { maxBodyBytes: 60_000, maxJsonDepth: 8 } });
    const body = Buffer.alloc(60_000, 255);
    assert.equal((await rig.ask("POST", "/healthz", { body })).status, 200);
    assert.equal(rig.checks[0]?.attributes?.request?.http?.rawBody.length, 60_000);
    assert.equal(rig.received[0]?.bodyBytes, 60_000);
    const larger = Buffer.alloc(60_001, 255);
    isProblem(await rig.ask("POST", "/healthz", { body: larger }), 413);
    isProblem(await rig.ask("POST", "/healthz", { body: larger, headers: { "transfer-encoding": "chunked" } }), 413);
    assert.equal(rig.checks.length, 1);
    assert.equal(rig.received.length, 1);
  });

  it("refuses bodies over the limit that nobody reads, and lets the others stream by unseen", async () => {
    await inForce({ ...base, guards: { maxBodyBytes: 1000 } });
    assert.equal((await rig.ask("POST", "/healthz", { body: Buffer.alloc(1000) })).status, 200);
    assert.equal(rig.checks[0]?.attributes?.request?.http?.rawBody.length, 0);
    isProblem(await rig.ask("POST", "/healthz", { body: Buffer.alloc(1001) }), 413);
    assert.equal(rig.received.length, 1);
  });

  it("sheds what is over twice any limit without a key before asking, with Retry-After", async () => {
    const limit = { policy: "p", match: [], key: [], windowMs: 600_000 };
    for (const [first, second] of [
      [1, 30],
      [30, 1],
    ] as const) {
      await inForce({
        ...base,
        limits: [
          { ...limit, name: "first", requests: first },
          { ...limit, name: "second", requests: second, windowMs: 720_000 },
        ],
      });
      let served = 0;
      let last: Answer | undefined;
      for (let i = 0; i < 5; i++) {
        last = await rig.ask("GET", "/healthz");
        if (last.status === 200) served++;
      }
      assert.equal(served, 2);
      assert.ok(last !== undefined);
      isProblem(last, 429);
      assert.ok(Number(last.headers["retry-after"]) > 0);
      assert.equal(rig.checks.length, served);
    }
  });

  it("never refuses in Shadow and Observe, and asks only in Shadow", async () => {
    const guards = { maxBodyBytes: 1000, maxJsonDepth: 8 };
    const limits = [{ name: "total", policy: "p", match: [], key: [], requests: 1, windowMs: 600_000 }];
    const body = Buffer.alloc(5000, 255);
    await inForce({ ...base, mode: "shadow", guards, limits });
    for (let i = 0; i < 3; i++) assert.equal((await rig.ask("POST", "/healthz", { body })).status, 200);
    assert.equal(rig.checks.length, 3);
    assert.equal(rig.checks[0]?.attributes?.request?.http?.rawBody.length, 1000);
    assert.equal(rig.received[2]?.bodyBytes, 5000);

    await inForce({ ...base, mode: "observe", guards, limits });
    for (let i = 0; i < 3; i++) assert.equal((await rig.ask("POST", "/healthz", { body })).status, 200);
    assert.deepEqual([rig.checks.length, rig.received.length], [0, 3]);
  });

  it("names the operation of each request in the access log, queries aside, and the most specific one", async () => {
    const templates = cases.find(({ name }) => name === "templates")?.policy;
    assert.ok(templates !== undefined);
    const rules = templates.gates[0]?.rules.filter((rule) => rule.name !== "everything") ?? [];
    await inForce({ ...base, gates: [{ policy: "p", default: "deny", demands: false, rules }] });
    const expected: readonly (readonly [string, string, string])[] = [
      ["GET", "/", "* /"],
      ["GET", "/?a=/files", "* /"],
      ["PUT", "/files?x=1", "PUT /files/**"],
      ["PATCH", "/files/a/b/c", "PATCH /files/**"],
      ["GET", "/files/a", "everything else"],
      ["PUT", "/filesystem", "everything else"],
      ["GET", "/bank/users/me?x", "GET /bank/users/me"],
      ["HEAD", "/bank/users/me", "GET /bank/users/me"],
      ["GET", "/bank/users/17", "GET /bank/users/{id:int}"],
      ["GET", "/files/users/3", "GET /{tenant}/users/{id:uuid}"],
      ["GET", "/other/users/3", "GET /{tenant}/users/{id:uuid}"],
      ["POST", "/bank/users/17", "everything else"],
      ["GET", "/bank/users/17/", "everything else"],
      ["GET", "/a-b_c.d~e/!$&'()+,=:@%20/1", "* /a-b_c.d~e/!$&'()+,=:@%20/{x}/**"],
      ["GET", "/a-b_c.d~e/!$&'()+,=:@%20/1/2/3", "* /a-b_c.d~e/!$&'()+,=:@%20/{x}/**"],
    ];
    await rig.forgetLog();
    for (const [method, path] of expected) assert.equal((await rig.ask(method, path)).status, 200, path);
    await rig.until(() => rig.logged.length >= expected.length);
    assert.deepEqual(
      rig.logged.map((entry) => [entry.request?.path, entry.commonProperties?.routeName]),
      expected.map(([, path, operation]) => [path, operation]),
    );
    assert.deepEqual(rig.logged[0]?.commonProperties?.customTags, { workload: "bank/accounts", key: rigProxyKey });
  });

  it("takes the longest template that a policy may hold", async () => {
    const long = `/${"x".repeat(900)}/${"{a}/".replaceAll("a", "b")}end`;
    const wide = `/${Array.from({ length: 60 }, (_, i) => `{p${i}}`).join("/")}/**`;
    const match = [long, wide].map((path) => ({ methods: [], path }));
    const rule = { ...enforced.gates[0]?.rules[0], match } as EffectivePolicy["gates"][number]["rules"][number];
    await inForce({ ...base, gates: [{ policy: "p", default: "deny", demands: false, rules: [rule] }] });
    await rig.forgetLog();
    await rig.ask("GET", long.replace("{b}", "1"));
    await rig.ask("GET", `/${Array.from({ length: 62 }, () => "s").join("/")}`);
    await rig.until(() => rig.logged.length >= 2);
    assert.deepEqual(
      rig.logged.map((entry) => entry.commonProperties?.routeName),
      [`* ${long}`, `* ${wide}`],
    );
  });

  it("drained no connection for any of these policies", async () => {
    const { body } = await rig.admin("/stats?filter=listener_manager.listener_(added|modified)");
    assert.match(body, /listener_added: 1\n/);
    assert.match(body, /listener_modified: 0\n/);
  });
});

describe("an Envoy that runs what translateClosed gives", () => {
  it("answers 503 to everything and asks nobody", async function () {
    const rig = new Rig(envoyOrSkip(this));
    try {
      await rig.start("closed", base);
      for (const path of ["/", "/healthz", "/v1/accounts/1"]) isProblem(await rig.ask("GET", path), 503);
      isProblem(await rig.ask("POST", "/healthz", { body: Buffer.alloc(10) }), 503);
      assert.equal(rig.checks.length + rig.received.length, 0);
    } finally {
      await rig.stop();
    }
  });
});
