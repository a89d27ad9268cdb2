import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { reasons } from "../../core/verdict/reason.ts";
import { allCodes } from "../../cli/explain.ts";
import { fetchPage } from "../../cli/status-client.ts";
import { picket } from "./captured-shell.ts";
import { writeFiles, type TemporaryFiles } from "./files.ts";

const record = {
  id: "abc-1",
  time: "2026-01-05T09:00:00.000Z",
  workload: "bank/accounts",
  policy: "bank/accounts",
  revision: "r1",
  operation: "GET /v1/accounts/{accountId}/**",
  method: "GET",
  mode: "shadow",
  verdict: "deny",
  reason: "resource-owner-mismatch",
  rule: "owner-reads",
  detail: "path accountId, claim account",
  status: 403,
  enforced: false,
  principal: { kind: "authenticated", hash: "0011" },
  durationUs: 42,
};

const object = (name: string, accepted: string, programmed: string) => ({
  kind: "ApiPolicy",
  metadata: { namespace: "bank", name },
  file: "a.yaml",
  line: 3,
  status: {
    mode: "enforce",
    proxies: { current: 1, total: 2 },
    conditions: [
      { type: "Accepted", status: accepted, message: accepted === "True" ? "" : "bad \u001b[31mcolour" },
      { type: "Programmed", status: programmed, message: "" },
    ],
    problems: [],
  },
});

describe("a command about a running Picket", () => {
  let server: Server;
  let address = "";
  let page: unknown;
  let runs: unknown;
  let hangs = false;
  let files: TemporaryFiles | undefined;

  before(async () => {
    server = createServer((request, response) => {
      if (hangs) return;
      const pages: Readonly<Record<string, unknown>> = { "/status": page, "/decisions/abc-1": record, "/run": runs };
      const body = pages[request.url ?? ""];
      response.statusCode = body === undefined ? 404 : 200;
      response.end(JSON.stringify(body ?? "not found"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  afterEach(() => {
    hangs = false;
    runs = undefined;
    files?.remove();
    files = undefined;
  });

  it("explains a decision: what, why, by which rule, and what would change it", async () => {
    const { code, stdout } = await picket(["explain", "abc-1", "--status-address", address]);
    assert.equal(code, 0);
    assert.match(stdout, /^decision {9}abc-1\n/);
    assert.match(stdout, /\nverdict {10}deny \(403\), not acted on: the policy's mode is shadow\n/);
    assert.match(stdout, /\nrule {13}owner-reads of bank\/accounts\n/);
    assert.match(stdout, /\nwould change it {2}call for the own resource/);
    assert.doesNotMatch(stdout, /undefined|null/);
  });

  it("finds a decision in the log when nothing runs any more", async () => {
    const lines = [{ id: "abc-10" }, record, { id: "zzz", note: "abc-1" }].map((line) => JSON.stringify(line));
    files = writeFiles({ "decisions.jsonl": `${lines.join("\n")}\n{"id":"abc-1", half` });
    const { code, stdout } = await picket(["explain", "abc-1", "--state-dir", files.folder]);
    assert.equal(code, 0);
    assert.match(stdout, /resource-owner-mismatch/);
  });

  it("finds a decision from before a restart in the logs of the instance that answers", async () => {
    const old = { ...record, id: "old-1" };
    files = writeFiles({ "decisions.jsonl": "", "decisions.jsonl.1": `${JSON.stringify(old)}\n` });
    const ask = ["explain", "old-1", "--status-address", address, "-o", "name"];
    assert.equal((await picket(ask)).code, 1);
    runs = { pid: 1, folder: "policies", stateDir: files.folder };
    assert.deepEqual(await picket(ask), { code: 0, stdout: "old-1\n", stderr: "" });
    for (const odd of [{ stateDir: 7 }, { stateDir: "." }, [], "gone"]) {
      runs = odd;
      assert.equal((await picket(ask, { folder: files.folder })).code, 1);
    }
  });

  it("says that no rule names the path only where rules were looked for", async () => {
    const { operation: _operation, rule: _rule, ...bare } = record;
    const lines = ["path-ambiguous", "body-too-large", "no-rule-matched"].map((reason) =>
      JSON.stringify({ ...bare, id: reason.replace("-", "_"), reason }),
    );
    files = writeFiles({ "decisions.jsonl": `${lines.join("\n")}\n` });
    const explained = async (id: string): Promise<string> =>
      (await picket(["explain", id, "--state-dir", files?.folder ?? ""])).stdout;
    assert.match(await explained("path_ambiguous"), /\noperation {8}GET\n/);
    assert.match(await explained("body_too-large"), /\noperation {8}GET\n/);
    const unmatched = await explained("no_rule-matched");
    assert.match(unmatched, /\noperation {8}GET \(no rule names this path\)\n/);
    assert.match(unmatched, /\npolicy {11}bank\/accounts\n/);
    assert.doesNotMatch(unmatched, /\nrule /);
  });

  it("gives the advice to programs too", async () => {
    const { stdout } = await picket(["explain", "abc-1", "--status-address", address, "-o", "json"]);
    assert.match((JSON.parse(stdout) as { advice: string }).advice, /^call for the own resource/);
  });

  it("tells a decision that nobody knows from a Picket that is away", async () => {
    const unknown = await picket(["explain", "abc-2", "--status-address", address]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /PKT0904/);
    const away = await picket(["explain", "abc-2"]);
    assert.equal(away.code, 3);
    assert.match(away.stderr, /no Picket answers at 127\.0\.0\.1:1 \[PKT0905\]/);
  });

  it("never asks for a decision id that could be a path", async () => {
    for (const id of ["../status", "a/b", "a b", "", "%2e%2e"]) {
      const { code, stdout } = await picket(["explain", id, "--status-address", address]);
      assert.deepEqual([code, stdout], [1, ""], id);
    }
  });

  it("shows each object in one line and ends with 0 when all are in force", async () => {
    page = { ready: true, reason: "", objects: [object("a", "True", "True"), object("b", "True", "True")] };
    const { code, stdout } = await picket(["status", "--status-address", address]);
    assert.equal(code, 0);
    assert.deepEqual(stdout.split("\n").slice(0, 2), [
      "KIND       NAME    MODE     ACCEPTED  PROGRAMMED  PROXIES  MESSAGE",
      "ApiPolicy  bank/a  enforce  True      True        1/2",
    ]);
    const one = await picket(["status", "apol/b", "-o", "name", "--status-address", address]);
    assert.equal(one.stdout, "ApiPolicy/bank/b\n");
  });

  it("ends with 1 when an object is refused or not programmed, and lets no text steer the terminal", async () => {
    page = { ready: true, reason: "", objects: [object("a", "False", "True")] };
    const { code, stdout } = await picket(["status", "--status-address", address]);
    assert.equal(code, 1);
    assert.match(stdout, /bad \?\[31mcolour/);
    page = { ready: false, reason: "no proxy", objects: [object("a", "True", "True")] };
    const waiting = await picket(["status", "--status-address", address]);
    assert.equal(waiting.code, 1);
    assert.match(waiting.stdout, /^not ready: no proxy\n/);
  });

  it("tells every problem of an object with its code and fix, and one of a whole file without a field", async () => {
    const bad = object("a", "False", "True");
    const problem = {
      code: "PKT0205",
      file: "a.yaml",
      line: 7,
      field: "spec.mode",
      message: "no mode",
      fix: "write Enforce",
    };
    const ofFile = { code: "PKT0001", file: "n.yaml", line: 30, field: "", message: "not YAML", fix: "mend it" };
    page = {
      ready: true,
      reason: "",
      objects: [
        { ...bad, status: { ...bad.status, problems: [problem, ofFile] } },
        { ...object("b", "False", "True"), status: { ...bad.status, problems: [ofFile] } },
      ],
    };
    const told =
      "\nerror: a.yaml:7 spec.mode: no mode [PKT0205]\ntry:   write Enforce\n" +
      "\nerror: n.yaml:30 not YAML [PKT0001]\ntry:   mend it\n";
    for (const format of ["table", "wide"]) {
      const { code, stdout } = await picket(["status", "--status-address", address, "-o", format]);
      assert.equal(code, 1);
      assert.match(stdout, / a\.yaml:7 spec\.mode: no mode \[PKT0205\] \(and 1 more\)\n/);
      assert.ok(stdout.endsWith(told), stdout);
    }
  });

  it("keeps the same order of rows whatever order the objects come in", async () => {
    const objects = [
      object("b", "True", "True"),
      { ...object("a", "True", "True"), kind: "Workload" },
      object("a", "True", "True"),
    ];
    const ask = ["status", "--status-address", address, "-o", "name"];
    for (const list of [objects, objects.toReversed()]) {
      page = { ready: true, reason: "", objects: list };
      assert.equal((await picket(ask)).stdout, "ApiPolicy/bank/a\nApiPolicy/bank/b\nWorkload/bank/a\n");
    }
  });

  it("cuts lines where the terminal ends", async () => {
    page = { ready: true, reason: "", objects: [object("a".repeat(200), "True", "True")] };
    const { stdout } = await picket(["status", "--status-address", address], { columns: 60 });
    assert.ok(stdout.split("\n").every((line) => [...line].length <= 60));
    assert.match(stdout, /…\n/);
  });

  it("shows what was last known when nothing runs, and ends with 3", async () => {
    files = writeFiles({ "status/ApiPolicy/bank.a.json": JSON.stringify(object("a", "True", "True")) });
    const { code, stdout } = await picket(["status", "--state-dir", files.folder]);
    assert.equal(code, 3);
    assert.match(stdout, /^nothing is running; this was last known\nKIND/);
  });

  it("finds the address of the run in its state folder", async () => {
    page = { ready: true, reason: "", objects: [] };
    files = writeFiles({ "run.json": JSON.stringify({ pid: 1, statusAddress: address }) });
    const environment = { PICKET_STATUS_ADDRESS: "" };
    assert.equal((await picket(["status", "--state-dir", files.folder], { environment })).code, 0);
    files.remove();
    files = writeFiles({ "run.json": JSON.stringify({ statusAddress: "evil/../x" }) });
    const odd = await picket(["status", "--state-dir", files.folder, "--status-address", "evil/../x"]);
    assert.deepEqual([odd.code, odd.stderr.includes("is not an address")], [2, true]);
  });

  it("says so when an object, a kind or a service is not there", async () => {
    page = { ready: true, reason: "", objects: [object("a", "True", "True")] };
    assert.equal((await picket(["status", "ApiPolicy/zzz", "--status-address", address])).code, 1);
    const kind = await picket(["status", "ApiPolcy", "--status-address", address]);
    assert.deepEqual(
      [kind.code, kind.stderr],
      [2, 'error: there is no kind "ApiPolcy" [PKT0901]\ntry:   picket status ApiPolicy\n'],
    );
    page = undefined;
    assert.equal((await picket(["status", "--status-address", address])).code, 3);
  });

  it("ends with 4 when no answer comes", async () => {
    hangs = true;
    const isTimeout = { code: "PKT0906", exit: 4, message: `${address} did not answer within 0.05 s` };
    await assert.rejects(fetchPage(address, "/status", { timeoutMs: 50 }), isTimeout);
  });

  it("reads an answer that is as long as may be, and nothing of a longer one", async () => {
    page = { ready: true, reason: "ü".repeat(100), objects: [] };
    const bytes = Buffer.byteLength(JSON.stringify(page));
    assert.deepEqual((await fetchPage(address, "/status", { bytesMax: bytes })).body, page);
    await assert.rejects(fetchPage(address, "/status", { bytesMax: bytes - 1 }), {
      code: "PKT0905",
      exit: 3,
      message: "the answer is too large",
    });
  });
});

describe("picket explain, offline", () => {
  it("knows every code and every reason", async () => {
    for (const code of Object.keys(allCodes)) {
      const answer = await picket(["explain", code.toLowerCase()]);
      assert.equal(answer.code, 0, code);
      assert.ok(answer.stdout.startsWith(`${code} `));
    }
    for (const reason of Object.keys(reasons)) {
      const answer = await picket(["explain", reason]);
      assert.equal(answer.code, 0, reason);
      assert.match(answer.stdout, /\nWhat would change it: /);
    }
  });

  it("offers the nearest code for one that is not there", async () => {
    const { code, stderr } = await picket(["explain", "PKT0299"]);
    assert.equal(code, 2);
    assert.match(stderr, /^error: there is no code PKT0299 \[PKT0904\]\ntry: {3}picket explain PKT0\d{3}\n$/);
  });
});
