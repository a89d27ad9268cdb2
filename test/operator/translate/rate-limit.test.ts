import assert from "node:assert/strict";
import fc from "fast-check";
import { bucketOf, fillIntervalMinMs, shedFactor } from "../../../operator/translate/envoy/filters/rate-limit.ts";

/** Envoy's bucket: filled in steps or continuously, whichever refuses more; full at the start. */
function proxy(bucket: ReturnType<typeof bucketOf>, isStepped: boolean) {
  const { maxTokens, tokensPerFill, fillIntervalMs } = bucket;
  let [tokens, lastMs] = [maxTokens, 0];
  return (nowMs: number): boolean => {
    const steps = (nowMs - lastMs) / fillIntervalMs;
    const whole = isStepped ? Math.floor(steps) : steps;
    tokens = Math.min(maxTokens, tokens + whole * tokensPerFill);
    lastMs += whole * fillIntervalMs;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}

const arrivals = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 120 });
const limit = fc.record({ requests: fc.integer({ min: 1, max: 40 }), windowMs: fc.integer({ min: 100, max: 5000 }) });

describe("bucketOf", () => {
  it("passes whatever keeps to twice a sliding window", () => {
    fc.assert(
      fc.property(limit, arrivals, fc.boolean(), ({ requests, windowMs }, gaps, isStepped) => {
        const pass = proxy(bucketOf({ requests, windowMs }), isStepped);
        const admitted: number[] = [];
        let nowMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          const within = admitted.filter((atMs) => atMs > nowMs - windowMs).length;
          if (within >= shedFactor * requests) continue;
          assert.ok(pass(nowMs), `${within} of ${requests}`);
          admitted.push(nowMs);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("passes whatever keeps to twice a token bucket", () => {
    fc.assert(
      fc.property(limit, fc.integer({ min: 1, max: 20 }), arrivals, fc.boolean(), (given, burst, gaps, isStepped) => {
        const pass = proxy(bucketOf({ ...given, burst }), isStepped);
        let [tokens, nowMs] = [shedFactor * burst, 0];
        for (const gap of gaps) {
          nowMs += gap;
          tokens = Math.min(shedFactor * burst, tokens + (gap * shedFactor * given.requests) / given.windowMs);
          if (tokens < 1) continue;
          tokens--;
          assert.ok(pass(nowMs));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("sheds a flood of ten times the limit", () => {
    for (const burst of [undefined, 5]) {
      const pass = proxy(bucketOf({ requests: 10, windowMs: 1000, burst }), false);
      let passed = 0;
      for (let nowMs = 0; nowMs < 10_000; nowMs += 10) if (pass(nowMs)) passed++;
      assert.ok(passed >= 10 * 10 && passed <= 22 * 10 + 10, String(passed));
    }
  });

  it("never refills more often than Envoy takes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 1, max: 1e7 }),
        fc.boolean(),
        (requests, windowMs, isBurst) => {
          const bucket = bucketOf({ requests, windowMs, ...(isBurst && { burst: 5 }) });
          assert.ok(bucket.fillIntervalMs >= fillIntervalMinMs && bucket.tokensPerFill >= 1 && bucket.maxTokens >= 1);
        },
      ),
    );
  });
});
