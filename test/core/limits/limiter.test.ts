import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createLimitAnswer,
  createLimiter,
  limitRequestsMax,
  limitsMax,
  limitWindowMsMax,
  type CompiledLimit,
  type LimitAnswer,
  type Limiter,
} from "../../../core/limits/limiter.ts";
import { probesMax } from "../../../core/limits/table.ts";

const start = 1_700_000_000_000;
const limit = (id: string, requests: number, more: Partial<CompiledLimit> = {}): CompiledLimit => ({
  id,
  requests,
  windowMs: 60_000,
  shadow: false,
  ...more,
});

/** Asks each [position, key] and takes. */
function take(limiter: Limiter, nowMs: number, ...asked: readonly (readonly [number, number])[]): LimitAnswer {
  const answer = createLimitAnswer();
  limiter.begin();
  for (const [position, key] of asked) limiter.ask(position, key, key * 7);
  limiter.take(nowMs, answer);
  return answer;
}

describe("createLimiter", () => {
  it("allows up to the limit of a key and says what remains, then when to come back", () => {
    const limiter = createLimiter([limit("a", 3, { burst: 3 })]);
    assert.deepEqual(
      [2, 1, 0].map(() => take(limiter, start, [0, 1]).remaining),
      [2, 1, 0],
    );
    assert.deepEqual(take(limiter, start, [0, 1]), {
      allowed: false,
      limit: 0,
      retryAfterSeconds: 20,
      remaining: 0,
      shadowLimit: -1,
    });
    assert.equal(take(limiter, start, [0, 2]).allowed, true);
    assert.equal(take(limiter, start + 20_000, [0, 1]).allowed, true);
  });

  it("allows what no limit applies to", () => {
    assert.equal(take(createLimiter([limit("a", 1)]), start).allowed, true);
  });

  it("does not count a refused request, neither there nor in any other limit", () => {
    const limiter = createLimiter([limit("wide", 5), limit("narrow", 1, { burst: 1 })]);
    assert.equal(take(limiter, start, [0, 1], [1, 1]).allowed, true);
    for (let i = 0; i < 100; i++) assert.equal(take(limiter, start, [0, 1], [1, 1]).limit, 1);
    assert.deepEqual(
      [3, 2, 1, 0].map(() => take(limiter, start, [0, 1]).remaining),
      [3, 2, 1, 0],
    );
    assert.equal(take(limiter, start + 60_000, [1, 1]).allowed, true);
  });

  it("names the limit with the longest wait", () => {
    const limiter = createLimiter([
      limit("hour", 1, { windowMs: 3_600_000, burst: 1 }),
      limit("minute", 1, { burst: 1 }),
    ]);
    assert.equal(take(limiter, start, [0, 1], [1, 1]).allowed, true);
    const answer = take(limiter, start, [0, 1], [1, 1]);
    assert.deepEqual([answer.limit, answer.retryAfterSeconds], [0, 3_600]);
  });

  it("counts a shadow limit as if it were real and lets the request go on", () => {
    const limiter = createLimiter([limit("shadow", 2, { shadow: true }), limit("real", 100)]);
    const answers = [0, 1, 2, 3].map(() => take(limiter, start, [0, 1], [1, 1]));
    assert.deepEqual(
      answers.map((answer) => answer.shadowLimit),
      [-1, -1, 0, 0],
    );
    assert.ok(answers.every((answer) => answer.allowed));
    assert.deepEqual(
      answers.map((answer) => answer.remaining),
      [99, 98, 97, 96],
    );
  });

  it("does not count in a shadow limit what a real one refuses", () => {
    const limiter = createLimiter([limit("shadow", 2, { shadow: true }), limit("real", 1)]);
    for (let i = 0; i < 5; i++) take(limiter, start, [0, 1], [1, 1]);
    assert.equal(take(limiter, start, [0, 1]).shadowLimit, -1);
    assert.equal(take(limiter, start, [0, 1]).shadowLimit, 0);
  });

  it("goes on counting where the generation before was, for limits that did not change", () => {
    const before = createLimiter([limit("kept", 1), limit("changed", 1)]);
    assert.ok(take(before, start, [0, 1], [1, 1]).allowed);
    const after = createLimiter([limit("changed", 2), limit("new", 1), limit("kept", 1)], { previous: before });
    assert.equal(take(after, start, [2, 1]).allowed, false);
    assert.equal(take(after, start, [0, 1]).remaining, 1);
    assert.equal(take(after, start, [1, 1]).allowed, true);
  });

  it("refuses a limit that is asked twice, or that it does not have", () => {
    const limiter = createLimiter([limit("a", 1), limit("b", 1)]);
    limiter.begin();
    limiter.ask(1, 1, 1);
    assert.throws(() => limiter.ask(1, 1, 1), RangeError);
    assert.throws(() => limiter.ask(0, 1, 1), RangeError);
    limiter.begin();
    assert.throws(() => limiter.ask(2, 1, 1), RangeError);
    assert.throws(() => limiter.ask(Number.NaN, 1, 1), RangeError);
  });

  it("refuses numbers that would make it count wrongly", () => {
    for (const requests of [0, -1, 1.5, Number.NaN, limitRequestsMax + 1]) {
      assert.throws(() => createLimiter([limit("a", requests)]), RangeError);
      assert.throws(() => createLimiter([limit("a", 1, { burst: requests })]), RangeError);
    }
    for (const windowMs of [0, 0.5, Number.NaN, limitWindowMsMax + 1]) {
      assert.throws(() => createLimiter([limit("a", 1, { windowMs })]), RangeError);
    }
    assert.throws(() => createLimiter([limit("a", 1), limit("a", 2)]), RangeError);
    assert.throws(() => createLimiter(Array.from({ length: limitsMax + 1 }, (_, i) => limit(`${i}`, 1))), RangeError);
  });

  it("counts keys without a place together and says so", () => {
    const limiter = createLimiter([limit("a", 2)], { keysMax: probesMax });
    for (let key = 1; key <= probesMax; key++) {
      assert.ok(take(limiter, start, [0, key]).allowed);
      assert.ok(take(limiter, start, [0, key]).allowed);
    }
    const fresh = Array.from({ length: 20 }, (_, key) => take(limiter, start, [0, 1_000 + key]).allowed);
    assert.equal(fresh.filter(Boolean).length, 2);
    const { keys, evictions, shared } = limiter.counters(0);
    assert.deepEqual([keys, evictions, shared], [probesMax, 0, 20]);
  });

  it("grants nothing for a clock that goes back, or is none, and is not locked by it", () => {
    for (const burst of [undefined, 5]) {
      const limiter = createLimiter([limit("a", 5, { burst })]);
      for (let i = 0; i < 5; i++) assert.ok(take(limiter, start, [0, 1]).allowed);
      for (const now of [start - 1, start - 59_000, start - 10_000_000, Number.NaN, Infinity, start - 10_000_000]) {
        assert.equal(take(limiter, now, [0, 1]).allowed, false, String(now));
      }
      assert.ok(take(limiter, start - 10_000_000 + 66_000, [0, 1]).allowed);
    }
  });

  it("grants no more than the limit per window of the clock's own extent, however it jumps about", () => {
    const steps = fc.array(fc.integer({ min: -900, max: 900 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(steps, fc.boolean(), (jumps, bucket) => {
        const limiter = createLimiter([limit("a", 5, { windowMs: 1_000, burst: bucket ? 5 : undefined })]);
        let now = start;
        let behindMost = 0;
        let [low, high] = [now, now];
        let allowed = 0;
        for (const jump of jumps) {
          now += jump;
          low = Math.min(low, now);
          high = Math.max(high, now);
          behindMost = Math.max(behindMost, high - now);
          if (take(limiter, now, [0, 1]).allowed) allowed++;
        }
        if (behindMost > 1_000) return; // set back: time goes on from there, see steady-time.test.ts
        const extent = high - low;
        assert.ok(allowed <= (bucket ? 5 + Math.floor((extent * 5) / 1_000) : 5 * (Math.floor(extent / 1_000) + 1)));
      }),
      { numRuns: 500 },
    );
  });

  it("names a wait that suffices, when the caller heeds it and nobody else takes the place", () => {
    const limits = fc.array(
      fc.record({
        requests: fc.integer({ min: 1, max: 20 }),
        windowMs: fc.integer({ min: 100, max: 20_000 }),
        burst: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      }),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(limits, fc.array(fc.integer({ min: -50, max: 400 }), { maxLength: 60 }), (numbers, steps) => {
        const limiter = createLimiter(numbers.map((one, at) => limit(String(at), one.requests, one)));
        const asked = numbers.map((_, at) => [at, 1] as const);
        let now = start;
        for (const step of steps) {
          now += step;
          const answer = take(limiter, now, ...asked);
          if (answer.allowed) continue;
          assert.ok(Number.isInteger(answer.retryAfterSeconds) && answer.retryAfterSeconds >= 1);
          now += answer.retryAfterSeconds * 1_000;
          assert.ok(take(limiter, now, ...asked).allowed);
        }
      }),
      { numRuns: 300 },
    );
  });
});
