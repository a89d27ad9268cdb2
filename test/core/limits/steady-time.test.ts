import assert from "node:assert/strict";
import fc from "fast-check";
import { advance, createSteadyTime, momentMax } from "../../../core/limits/steady-time.ts";

describe("advance", () => {
  it("follows the clock from its first moment", () => {
    const time = createSteadyTime();
    assert.deepEqual(
      [1_000, 1_000.9, 1_250].map((now) => advance(time, now, 100)),
      [0, 0, 250],
    );
  });

  it("stands still while the clock is a little behind, and says by how much", () => {
    const time = createSteadyTime();
    assert.deepEqual(
      [0, 500, 450, 500, 501].map((now) => advance(time, now, 100)),
      [0, 500, 500, 500, 501],
    );
    advance(time, 431, 100);
    assert.equal(time.behindMs, 70);
  });

  it("goes on at once when the clock was set back further than the tolerance", () => {
    const time = createSteadyTime();
    assert.deepEqual(
      [0, 500, 399, 400, 409].map((now) => advance(time, now, 100)),
      [0, 500, 500, 501, 510],
    );
  });

  it("takes what is no moment for no progress, and recovers", () => {
    const time = createSteadyTime();
    advance(time, 1_000, 100);
    for (const now of [Number.NaN, Infinity, -Infinity, momentMax * 2]) assert.equal(advance(time, now, 100), 0);
    assert.equal(advance(time, 1_010, 100), 10);
    const far = advance(time, momentMax, 100);
    assert.equal(advance(time, 1_020, 100), far);
    assert.equal(advance(time, 1_025, 100), far + 5);
  });

  it("never goes back, is whole, and never stands still for longer than the tolerance", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5_000, max: 5_000 }), { maxLength: 60 }), (steps) => {
        const time = createSteadyTime();
        let now = 1_700_000_000_000;
        let last = advance(time, now, 1_000);
        for (const step of steps) {
          now += step;
          const at = advance(time, now, 1_000);
          assert.ok(at >= last && Number.isSafeInteger(at));
          assert.ok(time.behindMs >= 0 && time.behindMs <= 1_000);
          last = at;
        }
        assert.ok(advance(time, now + 1_001, 1_000) > last);
      }),
    );
  });
});
