import assert from "node:assert/strict";
import fc from "fast-check";
import { dayNumber, localTime } from "../../../core/expression/calendar.ts";

const first = Date.parse("0000-12-30T00:00:00Z");
const last = Date.parse("9999-12-31T23:59:59.999Z");

describe("the calendar", () => {
  it("takes a point in time apart as the platform does", () => {
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), (ms) => {
        const date = new Date(ms);
        const found = localTime(ms);
        assert.deepEqual(
          [found.year, found.month, found.day, found.dayOfWeek],
          [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCDay()],
        );
        assert.deepEqual(
          [found.hour, found.minute, found.second, found.millisecond],
          [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCMilliseconds()],
        );
        assert.equal(dayNumber(found.year, found.month + 1, found.day), Math.floor(ms / 86_400_000));
        assert.equal(dayNumber(found.year, 1, 1), Math.floor(ms / 86_400_000) - found.dayOfYear);
      }),
      { numRuns: 2_000 },
    );
  });

  it("knows which days there are", () => {
    assert.equal(dayNumber(1970, 1, 1), 0);
    assert.equal(dayNumber(2000, 2, 29), 11_016);
    for (const [year, month, day] of [
      [1900, 2, 29],
      [2026, 2, 29],
      [2026, 4, 31],
      [2026, 12, 32],
      [2026, 0, 1],
      [2026, 13, 1],
      [2026, 1, 0],
    ] as const) {
      assert.equal(dayNumber(year, month, day), undefined);
    }
  });
});
