import assert from "node:assert/strict";
import fc from "fast-check";
import { equals, order } from "../../../core/expression/compare.ts";
import { Uint, type Value } from "../../../core/expression/value.ts";

const number: fc.Arbitrary<Value> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => new Uint(value)),
  fc.double({ noNaN: true }),
  fc.integer().chain((value) => fc.constantFrom<Value>(value, BigInt(value))),
);

describe("comparing values", () => {
  it("orders texts by code points, not by UTF-16 units", () => {
    const character = fc.constantFrom("a", "\u{d7ff}", "\u{e000}", "\u{ffff}", "\u{10000}", "\u{1f431}");
    const text = fc.array(character, { maxLength: 4 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, text, (left, right) => {
        const bytes = Buffer.compare(Buffer.from(left), Buffer.from(right));
        assert.equal(Math.sign(Number(order(left, right))), bytes);
      }),
    );
  });

  it("calls numbers equal exactly when neither sorts first, whatever their types", () => {
    fc.assert(
      fc.property(number, number, (left, right) => {
        assert.equal(equals(left, right), order(left, right) === 0);
        assert.equal(Number(order(left, right)) + Number(order(right, left)), 0);
      }),
      { numRuns: 1_000 },
    );
  });

  it("lets NaN equal nothing and sort nowhere", () => {
    assert.equal(equals(NaN, NaN), false);
    assert.equal(equals([NaN], [NaN]), false);
    assert.ok(Number.isNaN(order(NaN, 1n)));
  });

  it("finds values of different types unequal instead of failing", () => {
    assert.equal(equals("1", 1n), false);
    assert.equal(equals(null, false), false);
    assert.equal(equals([], {}), false);
    assert.equal(equals({ a: 1 }, { a: 1n }), true);
    assert.equal(equals({ a: 1 }, { b: 1 }), false);
  });
});
