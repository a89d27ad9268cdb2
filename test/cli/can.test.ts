import assert from "node:assert/strict";
import { picket } from "./captured-shell.ts";

const bank = ["--from", "examples/bank/policies", "--workload", "bank/accounts"];
const path = "/v1/accounts/100001/balance";
const claims = '{"account":"100001","scope":"accounts:read"}';

describe("picket can", () => {
  it("lets the owner in and says which rule does", async () => {
    const { code, stdout, stderr } = await picket(["can", "u-100001", "GET", path, ...bank, "--claims", claims]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(
      stdout,
      "yes: allow rule-allowed by rule owner-reads of bank/accounts: an allow rule matched and all that it requires holds\n" +
        "  allow owner-reads of bank/accounts (GET /v1/accounts/{accountId}/**): applies\n",
    );
  });

  it("keeps somebody else out, names the demand that is not met, and what would change it", async () => {
    const other = claims.replace("100001", "100059");
    const { code, stdout } = await picket(["can", "u-100059", "GET", path, ...bank, "--claims", other]);
    assert.equal(code, 1);
    assert.match(stdout, /^no: deny resource-owner-mismatch by rule owner-reads/);
    assert.match(stdout, /owner not met: path accountId, claim account\n/);
    assert.match(stdout, /would change it: call for the own resource/);
  });

  it("asks the rules of floors too", async () => {
    const args = ["can", "s-1", "GET", "/admin/Debug/env", "--from", "examples/bank/policies", "--workload", "admin"];
    const { code, stdout } = await picket([...args, "--claims", '{"roles":["admin"],"acr":"2"}', "-o", "json"]);
    assert.equal(code, 1);
    const answer = JSON.parse(stdout) as { reason: string; rules: { rule: string; effect: string; answer: string }[] };
    assert.equal(answer.reason, "rule-denied");
    assert.deepEqual(
      answer.rules.map(({ rule, effect, answer: said }) => `${effect} ${rule} ${said}`),
      ["allow admins applies", "deny no-debug-pages applies"],
    );
  });

  it("tells a caller without a token from one that may not", async () => {
    assert.match((await picket(["can", "anonymous", "GET", path, ...bank])).stdout, /^no: deny credential-missing/);
    assert.match((await picket(["can", "u-1", "GET", path, ...bank])).stdout, /^no: deny scope-missing/);
  });

  it("reads the path as the proxy does", async () => {
    const dotted = await picket(["can", "anonymous", "GET", "/v1/../healthz", ...bank]);
    assert.equal(dotted.code, 0);
    const slash = await picket(["can", "anonymous", "GET", "/v1%2f..%2fhealthz", ...bank]);
    assert.match(slash.stdout, /^no: deny path-ambiguous \(encoded-slash\)/);
  });

  it("refuses to guess", async () => {
    const refusals: readonly (readonly [readonly string[], number, RegExp])[] = [
      [
        ["can", "anonymous", "GET", "/", "--from", "examples/bank/policies"],
        2,
        /4 workloads are meant \[PKT0904\]\ntry: {3}name one of bank\/accounts/,
      ],
      [["can", "ann", "GET", "v1/notes", ...bank], 2, /"v1\/notes" is not a path \[PKT0901\]\ntry: {3}start with \/: /],
      [["can", "anonymous", "GET", "/", "--from", "nosuch"], 2, /nosuch cannot be read \[PKT0902\]/],
      [["can", "u-1", "GET", "/", ...bank, "--claims", "[1]"], 2, /--claims is not a JSON object/],
      [["can", "u-1", "GET", "/", ...bank, "--claims", "{"], 2, /--claims is not a JSON object/],
      [["can", "anonymous", "GET", "/", ...bank, "--claims", "{}"], 2, /an anonymous caller has no claims/],
      [["can", "anonymous", "GET", "/", ...bank, "--source-ip", "here"], 2, /"here" is not an IP address/],
      [["can", "anonymous", "GET", "/", ...bank, "--header", "x"], 2, /"x" is not a header/],
      [
        ["can", "u-1", "GET", "/", "--from", "examples/bank/policies", "--workload", "login"],
        2,
        /no identity that could prove/,
      ],
    ];
    for (const [args, code, expected] of refusals) {
      const answer = await picket(args);
      assert.deepEqual([answer.code, answer.stdout], [code, ""], args.join(" "));
      assert.match(answer.stderr, expected);
    }
  });

  it("shows where each line of an effective policy comes from", async () => {
    const { code, stdout } = await picket(["policy", "effective", ...bank]);
    assert.equal(code, 0);
    assert.match(stdout, /^bank\/accounts: mode enforce\n/);
    assert.match(
      stdout,
      /\nfailure\.decision +Deny +floor +examples\/bank\/policies\/floor\.yaml:14 +bank\/accounts\n/,
    );
    assert.match(
      stdout,
      /\naccess\.rules\[owner-reads\] +Allow GET \/v1\/accounts\/\{accountId\}\/\*\* +bank\/accounts +examples\/bank\/policies\/accounts\.yaml:15\n/,
    );
  });
});
