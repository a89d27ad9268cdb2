import assert from "node:assert/strict";
import fc from "fast-check";
import { parseDuration, parseTimestamp, printDuration, printTimestamp } from "../../../core/expression/time.ts";
import { Duration, EvaluationError, Timestamp } from "../../../core/expression/value.ts";

describe("timestamps and durations as text", () => {
  it("parse what they print, between the years 1 and 9999", () => {
    const nanos = fc.bigInt({ min: -62_135_596_800_000_000_000n, max: 253_402_300_799_999_999_999n });
    fc.assert(
      fc.property(nanos, (value) => {
        const parsed = parseTimestamp(printTimestamp(new Timestamp(value)));
        assert.ok(parsed instanceof Timestamp && parsed.nanos === value);
      }),
    );
  });

  it("parse durations as they print them, in 64 bits of nanoseconds", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const parsed = parseDuration(printDuration(value));
        assert.ok(parsed instanceof Duration && parsed.nanos === value);
      }),
    );
  });

  it("refuse days and times that do not exist", () => {
    for (const text of [
      "2026-02-29T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T00:00:60Z",
      "2026-01-01T00:00:00",
      "2026-01-01 00:00:00Z",
      "2026-01-01T00:00:00.Z",
      "2026-01-01T00:00:00.1234567890Z",
      "0000-01-01T00:00:00Z",
      "",
    ]) {
      assert.ok(parseTimestamp(text) instanceof EvaluationError, text);
    }
  });

  it("refuse durations without a number or a unit, and those beyond 64 bits", () => {
    for (const text of ["", "-", "1", "s", ".s", "1x", "1h 2m", "--1s", "9223372037s", "1e3s", `${"9".repeat(30)}ns`]) {
      assert.ok(parseDuration(text) instanceof EvaluationError, text);
    }
    const parsed = parseDuration("1h30m1.5s");
    assert.ok(parsed instanceof Duration && parsed.nanos === 5_401_500_000_000n);
  });
});
