import assert from "node:assert/strict";
import fc from "fast-check";
import { createBucket } from "../../../core/limits/bucket.ts";
import { limitRequestsMax, limitWindowMsMax } from "../../../core/limits/limiter.ts";
import type { Meter, MeterStore } from "../../../core/limits/meter.ts";
import { createWindow, windowParts } from "../../../core/limits/window.ts";

function storeFor(meter: Meter, slots = 1): MeterStore {
  return {
    numbers: new Float64Array(slots * meter.numbersPerKey),
    counts: new Uint32Array(slots * meter.countsPerKey),
  };
}

function take(meter: Meter, store: MeterStore, atMs: number, slot = 0): boolean {
  if (meter.waitMs(store, slot, atMs) !== 0) return false;
  meter.count(store, slot, atMs);
  return true;
}

const limits = fc.record({
  requests: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 500 })),
  windowMs: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 5_000 })),
  burst: fc.integer({ min: 1, max: 12 }),
});
const gaps = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 900 })), {
  minLength: 1,
  maxLength: 250,
});

/** Every moment at which one was counted, asking at each moment until refused or `most` were counted. */
function counted(meter: Meter, steps: readonly number[], most: number): number[] {
  const store = storeFor(meter);
  const moments: number[] = [];
  let at = 1_000;
  for (const step of steps) {
    at += step;
    for (let i = 0; i < most && take(meter, store, at); i++) moments.push(at);
  }
  return moments;
}

describe("createBucket", () => {
  it("lets a burst through and then one per interval", () => {
    const meter = createBucket(2, 1_000, 3);
    const store = storeFor(meter);
    assert.deepEqual(
      [0, 0, 0, 0].map((at) => take(meter, store, at)),
      [true, true, true, false],
    );
    assert.equal(meter.waitMs(store, 0, 0), 500);
    assert.deepEqual(
      [499, 500, 501, 1_000].map((at) => take(meter, store, at)),
      [false, true, false, true],
    );
    assert.equal(meter.remaining(store, 0, 5_000), 3);
    assert.equal(meter.used(store, 0, 5_000), 0);
  });

  it("never counts more than the burst and the refill in any stretch of time", () => {
    fc.assert(
      fc.property(limits, gaps, ({ requests, windowMs, burst }, steps) => {
        const moments = counted(createBucket(requests, windowMs, burst), steps, 4);
        for (let first = 0; first < moments.length; first++) {
          for (let last = first; last < moments.length; last++) {
            const stretch = (moments[last] as number) - (moments[first] as number);
            assert.ok(last - first + 1 <= burst + Math.floor((stretch * requests) / windowMs));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("does not drift at rates that no millisecond divides", () => {
    const meter = createBucket(7, 1_000, 1);
    const store = storeFor(meter);
    let count = 0;
    for (let at = 0; at < 1_000_000; at++) if (take(meter, store, at)) count++;
    // One per ceil(1000 / 7) = 143 ms is what whole milliseconds allow with a burst of one.
    assert.equal(count, Math.ceil(1_000_000 / 143));
    const roomy = createBucket(7, 1_000, 2);
    const roomyStore = storeFor(roomy);
    count = 0;
    for (let at = 0; at < 1_000_000; at++) if (take(roomy, roomyStore, at)) count++;
    assert.equal(count, 2 + Math.floor((999_999 * 7) / 1_000));
  });

  it("stays whole and exact at the largest numbers a limit may have", () => {
    const meter = createBucket(limitRequestsMax, limitWindowMsMax, limitRequestsMax);
    const store = storeFor(meter);
    for (let i = 0; i < limitRequestsMax; i++) meter.count(store, 0, 0);
    assert.equal(meter.remaining(store, 0, 0), 0);
    const wait = meter.waitMs(store, 0, 0);
    assert.equal(wait, Math.ceil(limitWindowMsMax / limitRequestsMax));
    assert.equal(take(meter, store, wait - 1), false);
    assert.equal(take(meter, store, wait), true);
  });
});

describe("createWindow", () => {
  it("refuses what is beyond the limit until the oldest is a window old", () => {
    const meter = createWindow(2, 1_000);
    const store = storeFor(meter);
    assert.deepEqual(
      [0, 500, 900].map((at) => take(meter, store, at)),
      [true, true, false],
    );
    assert.equal(meter.waitMs(store, 0, 900), 200);
    assert.deepEqual(
      [1_000, 1_099, 1_100].map((at) => take(meter, store, at)),
      [false, false, true],
    );
  });

  it("does not let a double burst through at the edge of a window", () => {
    const meter = createWindow(100, 60_000);
    const store = storeFor(meter);
    let count = 0;
    for (let i = 0; i < 200; i++) if (take(meter, store, 59_999)) count++;
    for (let i = 0; i < 200; i++) if (take(meter, store, 60_000)) count++;
    assert.equal(count, 100);
  });

  it("never counts more than the limit in any window, wherever it lies", () => {
    fc.assert(
      fc.property(limits, gaps, ({ requests, windowMs }, steps) => {
        const moments = counted(createWindow(requests, windowMs), steps, 30);
        for (let first = 0; first + requests < moments.length; first++) {
          assert.ok((moments[first + requests] as number) - (moments[first] as number) > windowMs - 1);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("forgets within 1.1 windows, so an honest caller below the limit is never refused", () => {
    fc.assert(
      fc.property(limits, gaps, ({ requests, windowMs }, steps) => {
        const meter = createWindow(requests, windowMs);
        const store = storeFor(meter);
        const moments: number[] = [];
        let at = 0;
        for (const step of steps) {
          at += step;
          const since = at - windowMs - Math.ceil(windowMs / windowParts);
          const recent = moments.filter((moment) => moment >= since).length;
          const fits = take(meter, store, at);
          if (recent < requests) assert.ok(fits);
          if (fits) moments.push(at);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("every meter", () => {
  const meters = fc
    .tuple(limits, fc.boolean())
    .map(([{ requests, windowMs, burst }, bucket]) =>
      bucket ? createBucket(requests, windowMs, burst) : createWindow(requests, windowMs),
    );

  it("names a wait after which one more fits, and not a millisecond too long", () => {
    fc.assert(
      fc.property(meters, gaps, (meter, steps) => {
        const store = storeFor(meter);
        let at = 0;
        for (const step of steps) {
          at += step;
          while (take(meter, store, at));
          const wait = meter.waitMs(store, 0, at);
          assert.ok(Number.isInteger(wait) && wait > 0);
          const early = { numbers: store.numbers.slice(), counts: store.counts.slice() };
          assert.ok(meter.waitMs(early, 0, at + wait - 1) > 0);
          const later = { numbers: store.numbers.slice(), counts: store.counts.slice() };
          assert.equal(meter.waitMs(later, 0, at + wait), 0);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("agrees with itself: remaining, used and wait say the same", () => {
    fc.assert(
      fc.property(meters, gaps, (meter, steps) => {
        const store = storeFor(meter);
        let at = 0;
        for (const step of steps) {
          at += step;
          const left = meter.remaining(store, 0, at);
          const used = meter.used(store, 0, at);
          assert.equal(left > 0, meter.waitMs(store, 0, at) === 0);
          assert.ok(used >= 0 && used <= 1);
          if (take(meter, store, at)) {
            assert.equal(meter.remaining(store, 0, at), left - 1);
            assert.ok(meter.used(store, 0, at) > used);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("keeps the keys of a store apart", () => {
    fc.assert(
      fc.property(meters, gaps, (meter, steps) => {
        const store = storeFor(meter, 3);
        const alone = storeFor(meter);
        let at = 0;
        for (const step of steps) {
          at += step;
          take(meter, store, at, 0);
          assert.equal(take(meter, store, at, 1), take(meter, alone, at));
          take(meter, store, at, 2);
        }
      }),
      { numRuns: 100 },
    );
  });
});
