import assert from "node:assert/strict";
import { picket } from "./captured-shell.ts";
import { policyOf, workloadOf, writeFiles, type TemporaryFiles } from "./files.ts";

const policy = policyOf(
  "shop",
  "targetRefs: [{ group: apps, kind: Deployment, name: shop }]",
  "mode: Enforce",
  "access:",
  "  default: Deny",
  "  rules:",
  "    - { name: open, match: [{ methods: [GET], path: '/open/{id}' }], effect: Allow }",
  "    - { name: night, match: [{ path: '/open/**' }], effect: Deny, when: 'request.hour < 6' }",
  "limits: [{ name: two, requests: 2, window: 1m, key: [SourceAddress] }]",
  "guards: { maxBodyBytes: 64, maxJsonDepth: 2 }",
);

function testOf(...cases: readonly string[]): string {
  return [
    "apiVersion: test.picket.dev/v1alpha1",
    "kind: ApiPolicyTest",
    "metadata: { name: shop }",
    "spec:",
    "  policies: [../policies/]",
    '  fixtures: { now: "2026-01-05T09:00:00Z" }',
    "  cases:",
    ...cases.map((line) => `    - ${line}`),
    "",
  ].join("\n");
}

const get = "request: { method: GET, path: /open/1 }";
const allowed = `{ name: one, ${get}, expect: { verdict: Allow, rule: open } }`;

describe("picket policy test", () => {
  let files: TemporaryFiles | undefined;
  const run = (tests: string, ...args: readonly string[]) => {
    files = writeFiles({ "policies/a.yaml": `${policy}---\n${workloadOf("shop")}`, "tests/a.yaml": tests });
    return picket(["policy", "test", "tests", ...args], { folder: files.folder });
  };
  afterEach(() => files?.remove());

  it("passes the tests of the sample bank with full coverage", async () => {
    const { code, stdout, stderr } = await picket([
      "policy",
      "test",
      "examples/bank/tests",
      "--min",
      "100",
      "-o",
      "json",
    ]);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    const report = JSON.parse(stdout) as { passed: number; failed: number; coverage: { percent: number } };
    assert.ok(report.passed >= 30);
    assert.deepEqual([report.failed, report.coverage.percent], [0, 100]);
  });

  it("shows what differs, where the case stands, and what the decision says of itself", async () => {
    const wrong = `{ name: wrong, ${get}, expect: { verdict: Deny, status: 403, reason: no-rule-matched, rule: closed } }`;
    const { code, stdout } = await run(testOf(allowed, wrong));
    assert.equal(code, 1);
    const lines = stdout.split("\n");
    assert.match(lines[0] ?? "", /^ok shop › one/);
    assert.deepEqual(lines.slice(1, 7), [
      "fail shop › wrong  tests/a.yaml:9",
      "    verdict: expected deny, got allow",
      "    status: expected 403, got none",
      "    reason: expected no-rule-matched, got rule-allowed",
      "    rule: expected closed, got open",
      "    allow rule-allowed by rule open of bank/shop: an allow rule matched and all that it requires holds",
    ]);
    assert.match(stdout, /1 passed, 1 failed, 1 of 3 rules and limits covered\n$/);
  });

  it("gives the same exit code in every format", async () => {
    const wrong = testOf(`{ name: wrong, ${get}, expect: { verdict: Deny } }`);
    for (const format of ["table", "json", "yaml", "junit"]) {
      assert.equal((await run(wrong, "-o", format)).code, 1, format);
      files?.remove();
    }
  });

  it("writes JUnit with the difference as the failure", async () => {
    const { stdout } = await run(
      testOf(allowed, `{ name: 'a <b> & "c"', ${get}, expect: { verdict: Deny } }`),
      "-o",
      "junit",
    );
    assert.match(
      stdout,
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="picket policy test" tests="2" failures="1">/,
    );
    assert.match(stdout, /name="a &lt;b&gt; &amp; &quot;c&quot;"/);
    assert.match(stdout, /<failure message="verdict: expected deny, got allow">/);
  });

  it("moves its clock: limits fill, wait and empty again, and each case starts anew", async () => {
    const sequence = (after: string, verdict: string): string =>
      `{ name: after ${after}, sequence: [{ repeat: 2, ${get}, expect: { verdict: Allow } }, { after: ${after}, ${get}, expect: { verdict: ${verdict} } }] }`;
    const { code, stdout } = await run(testOf(sequence("1s", "Throttle"), sequence("2m", "Allow"), allowed));
    assert.equal(code, 0, stdout);
  });

  it("tells which repetition of which step differs", async () => {
    const { stdout } = await run(
      testOf(`{ name: s, sequence: [{ repeat: 5, every: 1s, ${get}, expect: { verdict: Allow } }] }`),
    );
    assert.match(stdout, /step 1, time 3: verdict: expected allow, got throttle/);
  });

  it("evaluates conditions at the time of the test", async () => {
    const night = testOf(`{ name: night, ${get}, expect: { verdict: Deny, reason: rule-denied, rule: night } }`);
    assert.equal((await run(night.replace("T09:", "T03:"))).code, 0);
  });

  it("judges bodies and paths as the proxy and the scorer do", async () => {
    const post = (body: string, expect: string, headers = ""): string =>
      `{ name: ${JSON.stringify(body + headers)}, request: { method: GET, path: /open/1, body: ${body}${headers} }, expect: { ${expect} } }`;
    const { code, stdout } = await run(
      testOf(
        post("{ a: 1 }", "verdict: Allow"),
        post("x".repeat(65), "verdict: Deny, status: 413, reason: body-too-large"),
        post("{ a: { b: { c: 1 } } }", "verdict: Deny, status: 400, reason: body-ambiguous"),
        post(
          '\'{"a":1,"a":2}\'',
          "verdict: Deny, reason: body-ambiguous",
          ", headers: { content-type: application/json }",
        ),
        post("plain", "verdict: Deny, status: 415, reason: content-type-unsupported"),
        "{ name: p, request: { method: GET, path: '/open/%2e%2e/open/1' }, expect: { verdict: Allow } }",
        "{ name: q, request: { method: GET, path: '/open/..%2f1' }, expect: { verdict: Deny, status: 400, reason: path-ambiguous } }",
        "{ name: m, request: { method: BREW, path: '/open/1' }, expect: { verdict: Deny, reason: method-unknown } }",
      ),
    );
    assert.equal(code, 0, stdout);
  });

  it("fails when there is no case, no test or no file", async () => {
    for (const tests of [
      "",
      testOf().replace("  cases:\n", "  cases: []\n"),
      "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n",
    ]) {
      const { code, stderr } = await run(tests);
      assert.equal(code, 1);
      assert.match(stderr, /no case was run \[PKT0907\]/);
      files?.remove();
    }
    assert.equal((await run(testOf(allowed))).code, 0);
    const missing = await picket(["policy", "test", "nosuch"], { folder: files?.folder ?? "" });
    assert.deepEqual([missing.code, missing.stderr.includes("PKT0902")], [2, true]);
  });

  it("fails below the coverage that is asked for, and names what was never hit", async () => {
    const { code, stdout, stderr } = await run(testOf(allowed), "--coverage", "--min", "90");
    assert.equal(code, 1);
    assert.match(stderr, /coverage is 33\.3 %, less than 90 %/);
    assert.match(stdout, /bank\/shop +night +deny +0 +0 +never hit/);
    assert.match(stdout, /bank\/shop +open +allow +1 +0\n/);
  });

  it("refuses what it does not know, with file, line and a fix", async () => {
    const bad: readonly (readonly [string, RegExp])[] = [
      [
        `{ name: one, ${get}, expects: { verdict: Allow } }`,
        /tests\/a\.yaml:8:?\d* spec\.cases\[0\]\.expects: .* \[PKT0201\]\ntry: {3}did you mean expect\?/,
      ],
      [`{ name: one, ${get}, expect: { verdict: allow } }`, /"allow" is not one of .*PKT0205/],
      [`{ name: one, ${get}, expect: { verdict: Deny, reason: no-rule-match } }`, /did you mean no-rule-matched\?/],
      [`{ name: one, ${get}, expect: { verdict: Throttle, retryAfter: soon } }`, /"soon" is not a wait/],
      [`{ name: one, ${get} }`, /is neither one request nor a sequence/],
      [`{ name: one, ${get}, expect: { verdict: Allow }, score: 1 }`, /score is not enforced by this version/],
      [
        "{ name: one, request: { method: GET, path: /, sourceIp: here }, expect: { verdict: Allow } }",
        /"here" is not an IP address/,
      ],
      [
        "{ name: one, request: { method: GET, path: /, token: [] }, expect: { verdict: Allow } }",
        /takes the claims of a token/,
      ],
      [
        `{ name: one, ${get}, expect: { verdict: Allow } }\n    - { name: one, ${get}, expect: { verdict: Allow } }`,
        /has the same name as entry 1/,
      ],
    ];
    for (const [one, expected] of bad) {
      const { code, stdout, stderr } = await run(testOf(one));
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.match(stderr, expected);
      files?.remove();
    }
    const version = await run(testOf(allowed).replace("v1alpha1", "v2"));
    assert.match(version.stderr, /PKT0103/);
  });

  it("does not run with a bad policy", async () => {
    files = writeFiles({ "policies/a.yaml": policy.replace("Deny", "deny"), "tests/a.yaml": testOf(allowed) });
    const { code, stdout, stderr } = await picket(["policy", "test", "tests"], { folder: files.folder });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /PKT0205/);
  });

  it("tests policies of a cluster, which have no Workload", async () => {
    files = writeFiles({ "policies/a.yaml": policy, "tests/a.yaml": testOf(allowed) });
    assert.equal((await picket(["policy", "test", "tests"], { folder: files.folder })).code, 0);
  });
});
