import assert from "node:assert/strict";
import fc from "fast-check";
import { foldedEquals, foldLiteral } from "../../../core/request/fold.ts";

const matches = (segment: string, literal: string): boolean =>
  foldedEquals(`/x/${segment}/y`, 3, 3 + segment.length, foldLiteral(literal));

describe("foldedEquals", () => {
  const same: readonly (readonly [string, string])[] = [
    ["internal", "internal"],
    ["INTERNAL", "internal"],
    ["internal", "Internal"],
    ["%49nternal", "internal"],
    ["internal.", "internal"],
    ["internal..", "internal"],
    ["internal%20", "internal"],
    ["internal%09.%2e ", "internal"],
    ["internal", "internal."],
    ["caf%C3%A9", "café"],
    ["caf%c3%a9", "caf%C3%A9"],
    ["CAF%c3%a9 .", "café"],
    ["a%20b", "a b"],
    ["a%40b", "a@b"],
    ["a@b", "a%40b"],
    ["%E2%84%AAeys", "keys"],
    ["%c5%bfecret", "secret"],
    ["adm%c4%b1n", "admin"],
    ["adm%C4%B0n", "ADMIN"],
  ];
  for (const [segment, literal] of same) {
    it(`takes ${segment} for ${literal}`, () => assert.equal(matches(segment, literal), true));
  }

  const other: readonly (readonly [string, string])[] = [
    ["internal", "internals"],
    ["internals", "internal"],
    ["intern.al", "internal"],
    [".internal", "internal"],
    ["internal.x", "internal"],
    ["internal%2", "internal"],
    ["caf%C3%A8", "café"],
    ["%E2%84%ABeys", "keys"],
    ["x", ""],
  ];
  for (const [segment, literal] of other) {
    it(`does not take ${segment} for ${JSON.stringify(literal)}`, () => assert.equal(matches(segment, literal), false));
  }

  it("never matches less than the literal itself in any case, escaped or not", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), fc.boolean(), (text, upper) => {
        const literal = text.replaceAll("%", "");
        const cased = upper ? literal.replace(/[a-z]/g, (c) => c.toUpperCase()) : literal;
        assert.equal(matches(encodeURIComponent(cased), literal), true);
        assert.equal(matches(`${encodeURIComponent(cased)}. `, literal), true);
      }),
      { numRuns: 2_000, seed: 3 },
    );
  });
});
