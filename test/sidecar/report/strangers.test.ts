import assert from "node:assert/strict";
import { createLog } from "../../../platform/log.ts";
import { Strangers, strangersLogMs } from "../../../sidecar/report/strangers.ts";

describe("Strangers", () => {
  it("says how many there were, once in its time, however many there are", () => {
    let nowMs = 0;
    const lines: string[] = [];
    const clock = { now: () => nowMs, monotonic: () => nowMs };
    const strangers = new Strangers(
      clock,
      createLog({ level: "info", format: "json", clock, write: (line) => lines.push(line) }),
    );
    for (let i = 0; i < 1_000; i++) strangers.seen();
    assert.equal(lines.length, 1);
    nowMs = strangersLogMs;
    strangers.seen();
    assert.equal(lines.length, 2);
    assert.match(lines[1] ?? "", /"count":1000/);
  });
});
