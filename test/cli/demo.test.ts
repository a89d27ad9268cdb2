import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runDemo, type DemoOptions } from "../../cli/demo.ts";
import { judgeAttack, type Attack, type Attempt, type SentAttack } from "../../cli/demo/attack.ts";
import type { ApplicationLog, LogEntry } from "../../cli/demo/application-log.ts";
import { noAnswer } from "../../cli/demo/exchange.ts";
import { compare } from "../../cli/demo/latency.ts";
import { isComplete, printRequest, readAnswer } from "../../cli/demo/raw-request.ts";
import { decodeDecision, decodeReason } from "../../cli/demo/refusal.ts";
import { exitCodeOf, hasPassed, printReport, type Counts, type DemoReport } from "../../cli/demo/report.ts";

const fine: Counts = {
  honest: { sent: 100, refused: 0 },
  attacks: [{ tried: 20, reached: 0 }],
  unexplained: 0,
};

const exchange = { service: "accounts", method: "GET", path: "/v1/accounts/1", source: "127.0.0.1" } as const;

describe("the verdict of the demo", () => {
  const cases: readonly (readonly [string, Counts, boolean])[] = [
    ["passes when nothing hostile arrived and nothing honest was refused", fine, true],
    ["fails when one hostile request arrived", { ...fine, attacks: [{ tried: 20, reached: 1 }] }, false],
    [
      "fails when one of several attacks got through",
      { ...fine, attacks: [...fine.attacks, { tried: 9, reached: 9 }] },
      false,
    ],
    ["fails when one honest request was refused", { ...fine, honest: { sent: 100, refused: 1 } }, false],
    ["fails when no honest request was sent", { ...fine, honest: { sent: 0, refused: 0 } }, false],
    ["fails when no attack ran", { ...fine, attacks: [] }, false],
    ["fails when an attack tried nothing", { ...fine, attacks: [{ tried: 0, reached: 0 }] }, false],
    ["fails when the application was asked what nobody sent", { ...fine, unexplained: 1 }, false],
  ];
  for (const [title, counts, passed] of cases) {
    it(title, () => {
      assert.equal(hasPassed(counts), passed);
      assert.equal(exitCodeOf({ passed: hasPassed(counts) }), passed ? 0 : 1);
    });
  }
});

describe("counting an attack", () => {
  const attempt: Attempt = { what: "a trick", exchange };
  const tolerant: Attempt = { ...attempt, harmless: (entry) => entry.status === 401 };

  it("counts as refused only what the application never logged, whatever was answered", () => {
    const result = judge({ attempts: [attempt, attempt], logged: { 1: [entry(200)] } });
    assert.deepEqual([result.tried, result.refused, result.harmless, result.reached], [2, 1, 0, 1]);
  });

  it("counts an arrival as harmless only by the application's own words", () => {
    const result = judge({ attempts: [tolerant, tolerant], logged: { 0: [entry(401)], 1: [entry(200)] } });
    assert.deepEqual([result.refused, result.harmless, result.reached], [0, 1, 1]);
  });

  it("counts an attempt that arrived twice, once of them doing harm, as reached", () => {
    assert.equal(judge({ attempts: [tolerant], logged: { 0: [entry(401), entry(200)] } }).reached, 1);
  });

  it("counts harmless arrivals beyond what a limit lets through as reached", () => {
    const logged = { 0: [entry(401)], 1: [entry(401)], 2: [entry(401)] };
    const result = judge({ attempts: [tolerant, tolerant, tolerant], logged, allowance: 2 });
    assert.deepEqual([result.harmless, result.reached], [2, 1]);
  });

  function judge(options: {
    readonly attempts: readonly Attempt[];
    readonly logged: Readonly<Record<string, readonly LogEntry[]>>;
    readonly allowance?: number;
  }): ReturnType<typeof judgeAttack> {
    const { attempts, logged, allowance } = options;
    const attack: Attack = {
      name: "test",
      title: "test",
      attempts: () => attempts,
      ...(allowance !== undefined && { allowance }),
    };
    const sent: SentAttack = {
      attack,
      attempts: attempts.map((one, index) => ({ id: String(index), attempt: one, outcome: noAnswer })),
    };
    const log: ApplicationLog = {
      refresh: () => undefined,
      entriesOf: (id) => logged[id] ?? [],
      unexplained: [],
      close: () => undefined,
    };
    return judgeAttack(sent, log);
  }

  function entry(status: number): LogEntry {
    return { service: "accounts", id: "", method: "GET", url: "/", served: "GET /", user: "", status };
  }
});

describe("raw requests of the demo", () => {
  it("leave the path and repeated headers as they are", () => {
    const text = printRequest(
      {
        ...exchange,
        path: "/a/%2e%2e;/b\\c",
        headers: [
          ["x-a", "1"],
          ["x-a", "2"],
        ],
      },
      "id-1",
    );
    assert.ok(text.startsWith("GET /a/%2e%2e;/b\\c HTTP/1.1\r\n"));
    assert.ok(text.includes("\r\nx-a: 1\r\nx-a: 2\r\n"));
    assert.ok(text.includes("\r\nx-demo-id: id-1\r\n"));
  });

  it("read status, headers and body, and take anything else for no answer", () => {
    const answer = readAnswer("HTTP/1.1 403 Forbidden\r\nX-Picket-Decision: d-1\r\n\r\n{}");
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get("x-picket-decision"), "d-1");
    assert.equal(answer.text, "{}");
    for (const text of ["", "HTTP/1.1 ", "SSH-2.0", "HTTP/1.1 40"]) assert.equal(readAnswer(text).status, 0);
  });

  it("know when an answer is complete, however long the connection stays", () => {
    const head = "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n";
    assert.ok(isComplete(`${head}{}`));
    for (const text of ["", head.slice(0, -2), head, `${head}{`, "HTTP/1.1 200 OK\r\n\r\n{}"]) {
      assert.ok(!isComplete(text), text);
    }
  });

  it("find the decision id in the header or the problem details, and only if it looks like one", () => {
    const headers = new Map([["x-picket-decision", "d-1"]]);
    assert.equal(decodeDecision({ status: 403, headers, text: "" }), "d-1");
    assert.equal(decodeDecision({ status: 403, headers: new Map(), text: '{"decision":"d-2"}' }), "d-2");
    for (const text of ["", "{", "null", '{"decision":"--help"}', '{"decision":1}']) {
      assert.equal(decodeDecision({ status: 403, headers: new Map(), text }), undefined);
    }
  });
});

describe("the reason of a refusal", () => {
  it("is the word of the problem details, else the bare status", () => {
    const answer = { status: 403, headers: new Map<string, string>() };
    assert.equal(decodeReason({ ...answer, text: '{"reason":"claim-mismatch"}' }), "claim-mismatch");
    for (const text of ["", "{", "null", '{"reason":7}', '{"reason":"<b>"}']) {
      assert.equal(decodeReason({ ...answer, text }), "403 by the proxy");
    }
    assert.equal(decodeReason(noAnswer), "no answer");
  });
});

describe("the report of the demo", () => {
  it("compares latencies as difference and ratio of the quantiles", () => {
    const plain = Array.from({ length: 100 }, (_, index) => index + 1);
    const latency = compare(
      plain,
      plain.map((value) => value * 2),
    );
    assert.deepEqual(latency.direct, { p50Ms: 50, p99Ms: 99 });
    assert.deepEqual(latency.added, { p50Ms: 50, p99Ms: 99 });
    assert.deepEqual(latency.ratio, { p50: 2, p99: 2 });
  });

  it("fits 80 columns without colour, and names what got through", () => {
    const long = "x".repeat(300);
    const report: DemoReport = {
      apiVersion: "cli.picket.dev/v1",
      kind: "DemoReport",
      passed: false,
      seed: 1,
      seconds: 1,
      honest: {
        simulatedMinutes: 60,
        sent: 3_000,
        refused: 1,
        examples: [{ id: "honest-1", request: `GET /${long}`, status: 403, answer: long }],
      },
      attacks: [
        {
          name: "other-accounts",
          title: "other people's accounts",
          tried: 1_000,
          refused: 999,
          harmless: 0,
          reached: 1,
          statuses: { 403: 999, 200: 1 },
          reasons: {
            "resource-owner-mismatch": 900,
            "credential-invalid": 50,
            "path-ambiguous": 40,
            "400 by the proxy": 9,
          },
          note: `a note ${"of words ".repeat(30)}`,
          leaks: [{ what: "read a balance", served: `GET /${long}` }],
        },
      ],
      unexplained: 2,
      latency: compare([1, 2, 3], [2, 4, 6]),
      refusal: {
        attack: "other-accounts",
        what: "read a balance",
        request: `GET /${long}`,
        status: 403,
        decision: "d-1",
        explanation: { command: "bin/picket explain d-1", text: `rule by rule\n${long}`, ok: true },
      },
    };
    const text = printReport(report, { write: () => true }, { LANG: "C" });
    for (const line of text.split("\n")) assert.ok(line.length <= 80, `${line.length}: ${line}`);
    assert.ok(!text.includes("\u001b"));
    assert.match(text, /fail other people's accounts/);
    assert.match(text, /read a balance -> GET/);
    assert.match(text, /resource-owner-mismatch 900/);
    assert.match(text, /\n {2}\$ bin\/picket explain d-1\n {2}asked while the demo ran;/);
    assert.match(text, /next: bin\/picket policy test examples\/bank\/tests\n$/);
    const colourful = printReport(report, { write: () => true, isTTY: true }, { LANG: "C.UTF-8" });
    assert.ok(colourful.includes("\u001b[31m✖"));
    assert.ok(!printReport(report, { write: () => true, isTTY: true }, { NO_COLOR: "1" }).includes("\u001b"));
  });
});

describe("picket demo", () => {
  const temporary = process.env["TMPDIR"];
  let folder: string;

  before(() => {
    // A folder of our own, so that what the demo leaves behind can be seen.
    folder = mkdtempSync(join(tmpdir(), "picket-test-"));
    process.env["TMPDIR"] = folder;
  });

  after(() => {
    if (temporary === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = temporary;
    rmSync(folder, { recursive: true, force: true });
  });

  it("refuses an unknown attack with exit code 2 and names the known ones", async () => {
    const { code, stdout, stderr } = await run({ attack: "no-such" });
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /other-accounts, admin-without-role, forged-tokens, path-spellings, spoofed-headers, password-list/,
    );
  });

  it("ends with exit code 1 and counts every leak when what runs in Picket's place lets all through", async () => {
    const program = fileURLToPath(new URL("demo/open-gate.ts", import.meta.url));
    const { code, stdout } = await run({ attack: "other-accounts", program });
    const report = JSON.parse(stdout) as DemoReport;
    assert.equal(code, 1);
    assert.equal(report.passed, false);
    assert.equal(report.honest.refused, 0);
    assert.ok((report.attacks[0]?.tried ?? 0) > 50);
    assert.equal(report.attacks[0]?.reached, report.attacks[0]?.tried);
  });

  it("ends with exit code 1, its words and no leftovers when Picket does not start", async () => {
    const { code, stdout, stderr } = await run({ program: "/bin/false" });
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /picket run ended before it was ready/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("stops early, cleans up and says so when it is told to", async () => {
    const { code, stderr } = await run({ signal: AbortSignal.timeout(300) });
    assert.equal(code, 130);
    assert.match(stderr, /stopped/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("lets nothing hostile reach the bank and refuses nobody honest", async function () {
    this.timeout(180_000);
    const { code, stdout, stderr } = await run({});
    const report = JSON.parse(stdout === "" ? "{}" : stdout) as Partial<DemoReport>;
    assert.equal(code, 0, `${stderr}\n${stdout.slice(0, 4_000)}`);
    assert.deepEqual(
      report.attacks?.map(({ name, reached }) => [name, reached]),
      [
        ["other-accounts", 0],
        ["admin-without-role", 0],
        ["forged-tokens", 0],
        ["path-spellings", 0],
        ["spoofed-headers", 0],
        ["password-list", 0],
      ],
    );
    assert.ok((report.honest?.sent ?? 0) >= 2_000);
    assert.equal(report.honest?.refused, 0);
    assert.equal(report.unexplained, 0);
    assert.ok((report.seconds ?? Number.POSITIVE_INFINITY) < 120);
    assert.equal(report.refusal?.explanation.ok, true, report.refusal?.explanation.text);
  });

  async function run(
    options: Partial<DemoOptions>,
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    let stdout = "";
    let stderr = "";
    const code = await runDemo({
      output: "json",
      interactive: false,
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      ...options,
    });
    return { code, stdout, stderr };
  }
});
