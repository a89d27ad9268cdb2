import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deny } from "../../../core/verdict/verdict.ts";
import { createLog } from "../../../platform/log.ts";
import { Secret } from "../../../platform/secret.ts";
import { systemClock } from "../../../platform/clock.ts";
import { DecisionLog, decisionQueueMax, viewCharactersMax } from "../../../sidecar/report/decision-log.ts";
import { printDecision, type Decision } from "../../../sidecar/report/decision-record.ts";
import { DecisionRing } from "../../../sidecar/report/decision-ring.ts";

const key = new Secret<Uint8Array>(new Uint8Array(32).fill(7));

function decision(number: number): Decision {
  return {
    id: `d${number}`,
    number,
    by: "scorer",
    timeMs: 1_767_603_600_000,
    workload: "bank/accounts",
    revision: "r1",
    mode: "enforce",
    method: "GET",
    judgement: { verdict: deny("no-rule-matched", { policy: "bank/accounts" }), shadow: undefined },
    principalKind: "authenticated",
    principal: "https://id.bank.example\nalice@example.org",
    durationMs: 0.01,
    view: undefined,
    responseStatus: 0,
  };
}

describe("a decision record", () => {
  it("holds a keyed hash of the principal and nothing of its name", () => {
    const text = JSON.stringify(printDecision(decision(1), key));
    assert.ok(!text.includes("alice"));
    const other = printDecision(decision(1), new Secret<Uint8Array>(new Uint8Array(32).fill(8)));
    assert.notEqual(printDecision(decision(1), key).principal.hash, other.principal.hash);
    assert.equal(printDecision(decision(1), key).principal.hash, printDecision(decision(2), key).principal.hash);
  });
});

describe("DecisionRing", () => {
  it("keeps the newest decisions and forgets the oldest", () => {
    const ring = new DecisionRing(4);
    for (let i = 1; i <= 10; i++) ring.add(decision(i));
    assert.equal(ring.size, 4);
    assert.equal(ring.find("d10", 10)?.number, 10);
    assert.equal(ring.find("d6", 6), undefined);
    assert.equal(ring.find("d10", Number.NaN), undefined);
    assert.deepEqual(
      [...ring.latest(3)].map(({ number }) => number),
      [10, 9, 8],
    );
  });
});

describe("DecisionLog", () => {
  const folder = mkdtempSync(join(tmpdir(), "picket-log-"));
  after(() => rmSync(folder, { recursive: true }));

  function logTo(file: string, bytesMax?: number) {
    const lines: string[] = [];
    const counts = { dropped: 0, written: 0 };
    const log = new DecisionLog({
      file,
      bytesMax,
      print: (one) => printDecision(one, key),
      dropped: (count) => (counts.dropped += count),
      written: (count) => (counts.written += count),
      log: createLog({ level: "info", format: "json", clock: systemClock, write: (line) => lines.push(line) }),
    });
    return { log, counts, lines };
  }

  it("writes each decision as one line", async () => {
    const file = join(folder, "decisions.jsonl");
    const { log, counts } = logTo(file);
    log.start();
    for (let i = 0; i < 2_500; i++) log.add(decision(i));
    await log.stop();
    const written = readFileSync(file, "utf8").trimEnd().split("\n");
    assert.equal(written.length, 2_500);
    assert.equal((JSON.parse(written[7]!) as { id: string }).id, "d7");
    assert.deepEqual(counts, { dropped: 0, written: 2_500 });
  });

  it("drops and counts beyond its queue, and never grows", async () => {
    const { log, counts } = logTo(join(folder, "full.jsonl"));
    for (let i = 0; i < decisionQueueMax + 500; i++) log.add(decision(i));
    assert.equal(counts.dropped, 500);
    await log.stop();
    assert.equal(counts.written, decisionQueueMax);
  });

  it("moves a full file away once and keeps no third", async () => {
    const file = join(folder, "moved.jsonl");
    const { log, counts } = logTo(file, 1_000);
    for (let i = 0; i < 3_500; i++) log.add(decision(i));
    await log.stop();
    assert.deepEqual(counts, { dropped: 0, written: 3_500 });
    const ids = (path: string) =>
      readFileSync(path, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { id: string }).id);
    assert.deepEqual([ids(`${file}.1`)[0], ids(file)[0], ids(file).at(-1)], ["d2000", "d3000", "d3499"]);
    assert.equal(readdirSync(folder).filter((name) => name.startsWith("moved")).length, 2);
  });

  it("drops and counts beyond the paths that it keeps waiting", async () => {
    const { log, counts } = logTo(join(folder, "views.jsonl"));
    const view = { method: "GET", target: "x".repeat(viewCharactersMax / 4), host: "h" };
    for (let i = 0; i < 6; i++) log.add({ ...decision(i), view });
    assert.equal(counts.dropped, 2);
    await log.stop();
    log.add({ ...decision(7), view });
    assert.equal(counts.dropped, 2);
  });

  it("counts what a disk does not take, and says so once", async () => {
    const { log, counts, lines } = logTo(join(folder, "missing", "decisions.jsonl"));
    for (let i = 0; i < 3_000; i++) log.add(decision(i));
    await log.stop();
    assert.ok(counts.dropped > 0 && counts.written === 0);
    assert.equal(lines.length, 1);
  });
});
