import assert from "node:assert/strict";
import { decisionIdLength } from "../../../sidecar/check/check-response.ts";
import { createDecisionIds } from "../../../sidecar/check/decision-ids.ts";

const seed = Uint8Array.from({ length: 16 }, (_, i) => (i * 37 + 11) & 255);

describe("decision ids", () => {
  it("are of one length, each once, and lead back to their number", () => {
    const ids = createDecisionIds(seed);
    const seen = new Set<string>();
    for (let i = 1; i <= 50_000; i++) {
      const id = ids.next();
      assert.equal(id.length, decisionIdLength);
      assert.match(id, /^[0-9a-z]+$/);
      assert.deepEqual([ids.last, ids.numberOf(id)], [i, i]);
      seen.add(id);
    }
    assert.equal(seen.size, 50_000);
  });

  it("do not tell how many decisions lie between two of them", () => {
    const ids = createDecisionIds(seed);
    const tails = Array.from({ length: 1_000 }, () => ids.next().slice(-7));
    const rising = tails.filter((tail, i) => i > 0 && tail > tails[i - 1]!).length;
    assert.ok(rising > 300 && rising < 700, `${rising} of 1,000 rise`);
  });

  it("of other processes and other texts have no number", () => {
    const ids = createDecisionIds(seed);
    const other = createDecisionIds(seed.map((byte) => byte ^ 0x55));
    for (const text of [other.next(), "", "x".repeat(16), `${ids.next()}0`, ids.next().toUpperCase()]) {
      assert.ok(Number.isNaN(ids.numberOf(text)), text);
    }
  });
});
