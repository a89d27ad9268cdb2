import assert from "node:assert/strict";
import fc from "fast-check";
import {
  equalsExact,
  equalsWide,
  foldedEnd,
  foldLiteral,
  hashExact,
  hashFolded,
  hashWide,
} from "../../../core/catalog/fold.ts";

const exact = (literal: string, segment: string): boolean =>
  equalsExact(literal, `/${segment}/`, 1, 1 + segment.length);
const wide = (literal: string, segment: string): boolean => {
  const path = `/${segment}/`;
  return equalsWide(foldLiteral(literal), path, 1, foldedEnd(path, 1, 1 + segment.length));
};
const segments = fc.string({ unit: fc.constantFrom(..."%20eE9.aA -".split("")), maxLength: 12 });

describe("exact comparison", () => {
  it("differs by letter case, dots, blanks and escapes of plain characters", () => {
    assert.ok(exact("admin", "admin"));
    for (const other of ["Admin", "admin.", "admin%20", "%61dmin", "admi", "adminx"]) assert.ok(!exact("admin", other));
  });

  it("takes escapes in either case of their digits", () => {
    assert.ok(exact("caf%C3%A9", "caf%c3%a9"));
    assert.ok(!exact("caf%C3%A9x", "caf%c3%a9X"));
  });
});

describe("wide comparison", () => {
  it("ignores letter case, escapes, and dots and blanks at the end", () => {
    for (const segment of [
      "admin",
      "ADMIN",
      "aDmIn",
      "admin.",
      "admin...",
      "admin%20",
      "admin%09%2E.%2e",
      "%41dmin",
      "admin ",
    ]) {
      assert.ok(wide("admin", segment), segment);
    }
  });

  it("keeps everything else apart", () => {
    for (const segment of [".admin", "%20admin", "ad.min", "admin%21", "admin%2", "admin%", "adminx"]) {
      assert.ok(!wide("admin", segment), segment);
    }
  });

  it("trims as the pattern says, whatever the segment", () => {
    fc.assert(
      fc.property(segments, (segment) => {
        const trimmed = segment.replace(/(?:[. \t]|%2e|%20|%09)+$/i, "");
        assert.equal(foldedEnd(`/${segment}/`, 1, 1 + segment.length), 1 + trimmed.length);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("hashes", () => {
  it("agree wherever the comparison says equal", () => {
    fc.assert(
      fc.property(segments, segments, (one, other) => {
        for (const segment of [one, other, one.toLowerCase(), `${one}.`]) {
          const path = `/${segment}/`;
          const end = 1 + segment.length;
          if (exact(one, segment)) assert.equal(hashExact(path, 1, end), hashExact(one, 0, one.length));
          if (wide(one, segment))
            assert.equal(hashWide(path, 1, foldedEnd(path, 1, end)), hashFolded(foldLiteral(one)));
        }
      }),
      { numRuns: 10_000 },
    );
  });
});
