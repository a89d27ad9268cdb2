import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createPathView,
  decodeSegment,
  parsePath,
  pathBytesMax,
  type PathProblem,
  pathProblems,
  pathSegmentsMax,
  targetBytesMax,
} from "../../../core/request/path.ts";
import { pathResolvers } from "../../emulators/paths.ts";
import { findContradiction } from "./one-view.ts";
import { randomTarget, seeded, shrink } from "./path-grammar.ts";

const view = createPathView();

function segmentsOf(target: string): string[] | PathProblem {
  const problem = parsePath(target, view);
  if (problem !== undefined) return problem;
  return Array.from({ length: view.segmentCount }, (_, i) =>
    decodeSegment(view.path, view.segmentStarts[i] ?? -1, view.segmentEnds[i] ?? -1),
  );
}

/** Vector of the catalogue, target as forwarded, the word it is refused with. */
const refusals: readonly (readonly [string, string, PathProblem])[] = [
  ["A01", "/public/../admin/x", "dot-segment"],
  ["A02", "/public/%2e%2e/admin", "encoded-dot"],
  ["A02", "/public/%2E./admin", "encoded-dot"],
  ["A02", "/public/.%2e/admin", "encoded-dot"],
  ["A03", "/public/..\\admin", "backslash"],
  ["A04", "//admin/x", "empty-segment"],
  ["A04", "/public//admin", "empty-segment"],
  ["A04", "/admin//", "empty-segment"],
  ["A05", "/./admin", "dot-segment"],
  ["A05", "/admin/.", "dot-segment"],
  ["A06", "/..", "dot-segment"],
  ["A07", "/public%2f..%2fadmin", "encoded-slash"],
  ["A08", "/public/..%5cadmin", "encoded-backslash"],
  ["A08", "/%5C%5C", "encoded-backslash"],
  ["A09", "/admin%2Fx", "encoded-slash"],
  ["A10", "/%252e%252e%252fadmin", "encoded-percent"],
  ["A11", "/%25252e", "encoded-percent"],
  ["A12", "/%c0%ae", "not-utf8"],
  ["A12", "/%c0%af", "not-utf8"],
  ["A12", "/%c1%9c", "not-utf8"],
  ["A12", "/%e0%80%af", "not-utf8"],
  ["A12", "/%f0%80%80%af", "not-utf8"],
  ["A12", "/%ed%a0%80", "not-utf8"],
  ["A12", "/%f4%90%80%80", "not-utf8"],
  ["A12", "/%c3", "not-utf8"],
  ["A12", "/%c3/%a9", "not-utf8"],
  ["A12", "/%c3a", "not-utf8"],
  ["A12", "/%a9", "not-utf8"],
  ["A12", "/%ff", "not-utf8"],
  ["A13", "/public%ef%bc%8fadmin", "look-alike"],
  ["A13", "/public%e2%88%95admin", "look-alike"],
  ["A13", "/%ef%bc%8e%ef%bc%8e/admin", "look-alike"],
  ["A13", "/a%e2%80%a4b", "look-alike"],
  ["A13", "/%e2%84%85admin", "look-alike"],
  ["A14", "/%u002e%u002e/", "percent-u"],
  ["A14", "/%%32%65", "broken-escape"],
  ["A14", "/a%2", "broken-escape"],
  ["A14", "/%zz", "broken-escape"],
  ["A14", "/100%", "broken-escape"],
  ["A14", "/a%2?x", "broken-escape"],
  ["A15", "/admin%00", "encoded-control"],
  ["A15", "/admin%7F", "encoded-control"],
  ["A15", "/admin%0d%0a", "encoded-control"],
  ["A15", "/admin%c2%85", "encoded-control"],
  ["A15", "/admin\0", "control-byte"],
  ["A16", "/admin#x", "fragment"],
  ["A19", "/admin;x=1/y", "semicolon"],
  ["A19", "/;x/admin", "semicolon"],
  ["A19", "/public/..;/admin", "semicolon"],
  ["A19", "/admin%3bx", "semicolon"],
  ["A20", "/admin;.css", "semicolon"],
  ["A22", "/admin.", "trailing-dot"],
  ["A22", "/admin..", "trailing-dot"],
  ["A22", "/.../admin", "trailing-dot"],
  ["A22", "/admin./x", "trailing-dot"],
  ["A22", "/admin%20", "trailing-blank"],
  ["A22", "/admin.%20/x", "trailing-blank"],
  ["A22", "/%20", "trailing-blank"],
  ["A22", "/admin%c2%a0", "trailing-blank"],
  ["A22", "/admin%09", "encoded-control"],
  ["A31", "", "not-absolute"],
  ["A31", "admin", "not-absolute"],
  ["A31", "?x", "not-absolute"],
  ["A28", "*", "not-absolute"],
  ["raw", "/a b", "illegal-byte"],
  ["raw", '/"', "illegal-byte"],
  ["raw", "/a[0]", "illegal-byte"],
  ["raw", "/{id}", "illegal-byte"],
  ["raw", "/\x7f", "control-byte"],
  ["raw", "/caf\xe9", "raw-high-byte"],
  ["raw", "/\u0120", "raw-high-byte"],
  ["raw", "/%61dmin", "encoded-unreserved"],
  ["raw", "/%7Euser", "encoded-unreserved"],
];

const acceptances: readonly (readonly [string, string, string, readonly string[]])[] = [
  ["root", "/", "/", []],
  ["A17", "/admin?", "/admin", ["admin"]],
  ["A17", "/admin/?", "/admin/", ["admin"]],
  ["A17", "/admin??a", "/admin", ["admin"]],
  ["A18", "/ADMIN/x", "/ADMIN/x", ["ADMIN", "x"]],
  ["A20", "/admin,a=b/x", "/admin,a=b/x", ["admin,a=b", "x"]],
  ["A21", "/admin/x/", "/admin/x/", ["admin", "x"]],
  ["A23", "/orders/1*2", "/orders/1*2", ["orders", "1*2"]],
  ["A23", "/!$&'()*+,=:@-_~.a", "/!$&'()*+,=:@-_~.a", ["!$&'()*+,=:@-_~.a"]],
  ["A25", "/orders/%d9%a1", "/orders/%d9%a1", ["orders", "١"]],
  ["A36", "/public?x=/../admin", "/public", ["public"]],
  ["text", "/caf%C3%A9/%F0%9F%8D%BA", "/caf%C3%A9/%F0%9F%8D%BA", ["café", "🍺"]],
  ["text", "/a%20b/.well-known/v1.2/..a", "/a%20b/.well-known/v1.2/..a", ["a b", ".well-known", "v1.2", "..a"]],
  ["text", "/C%23/what%3F/%22", "/C%23/what%3F/%22", ["C#", "what?", '"']],
];

describe("parsePath", () => {
  for (const [vector, target, problem] of refusals) {
    it(`refuses ${JSON.stringify(target)} as ${problem} (${vector})`, () => {
      assert.equal(segmentsOf(target), problem);
    });
  }

  for (const [vector, target, path, segments] of acceptances) {
    it(`accepts ${JSON.stringify(target)} (${vector})`, () => {
      assert.deepEqual(segmentsOf(target), segments);
      assert.equal(view.path, path);
      assert.equal(view.query, target.slice(path.length + 1));
    });
  }

  it("leaves nothing of an earlier request in the view when it refuses", () => {
    assert.equal(parsePath("/orders/1?a=b", view), undefined);
    assert.equal(parsePath("/orders/%zz", view), "broken-escape");
    assert.deepEqual([view.path, view.query, view.segmentCount], ["", "", 0]);
  });

  it("takes a path of exactly the longest length and refuses one byte more", () => {
    assert.deepEqual(segmentsOf(`/${"a".repeat(pathBytesMax - 1)}?q`), ["a".repeat(pathBytesMax - 1)]);
    assert.equal(segmentsOf(`/${"a".repeat(pathBytesMax)}`), "too-long");
    assert.equal(segmentsOf(`/${"a/".repeat(pathBytesMax)}`), "too-many-segments");
  });

  it("does not read a target longer than the proxy lets through", () => {
    assert.deepEqual(segmentsOf(`/a?${"q".repeat(targetBytesMax - 3)}`), ["a"]);
    assert.equal(segmentsOf(`/a?${"q".repeat(targetBytesMax - 2)}`), "too-long");
  });

  it("takes exactly the greatest number of segments and refuses one more", () => {
    assert.equal(segmentsOf("/a".repeat(pathSegmentsMax)).length, pathSegmentsMax);
    assert.equal(segmentsOf(`${"/a".repeat(pathSegmentsMax)}/`).length, pathSegmentsMax);
    assert.equal(segmentsOf("/a".repeat(pathSegmentsMax + 1)), "too-many-segments");
  });

  it("uses every word of its closed list but those for size in the table above", () => {
    const seen = new Set<string>(refusals.map(([, , problem]) => problem));
    const missing = pathProblems.filter((problem) => !seen.has(problem));
    assert.deepEqual(missing, ["too-long", "too-many-segments"]);
  });

  it("reads every escaped text as decodeURIComponent does", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
        const segments = segmentsOf(`/${encodeURIComponent(text)}x`);
        if (typeof segments !== "string") assert.deepEqual(segments, [`${text}x`]);
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });

  it("refuses exactly the byte sequences that are not UTF-8 as not-utf8", () => {
    const strict = new TextDecoder("utf-8", { fatal: true });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0x80, max: 0xff }), { minLength: 1, maxLength: 4 }), (bytes) => {
        let isUtf8 = true;
        try {
          strict.decode(Uint8Array.from(bytes));
        } catch {
          isUtf8 = false;
        }
        const found = segmentsOf(`/${bytes.map((byte) => `%${byte.toString(16)}`).join("")}x`);
        // Refusals for what well-formed text means come first when it stands before the broken part.
        if (isUtf8) assert.notEqual(found, "not-utf8");
        else assert.ok(found === "not-utf8" || found === "encoded-control" || found === "look-alike");
      }),
      { numRuns: 5_000, seed: 11 },
    );
  });
});

describe("one view of a path", () => {
  it("meets resolvers that each reach /admin by a path of their own when nothing refuses it", () => {
    const ways: Readonly<Record<string, string>> = {
      U0: "/admin",
      U1: "/public/../admin",
      U2: "/public%2f..%5cadmin",
      U3: "/admin;x=1",
      U4: "/ADMIN",
      U8: "/public/..%3b/admin",
      X1: "/%2561dmin",
      X2: "/admin%00/public",
      X3: "/admin.%20",
      X4: "/%u0061dmin",
      X5: "/public%c0%afpublic/%c0%ae%c0%ae/%c0%ae%c0%ae/admin",
      X6: "/public%ef%bc%8f%ef%bc%8e%ef%bc%8e/admin",
      X7: "/admin#/public",
    };
    assert.deepEqual(Object.keys(ways).sort(), pathResolvers.map(({ id }) => id).sort());
    for (const { id, habit, resolve } of pathResolvers) {
      assert.deepEqual(resolve(ways[id] ?? ""), ["admin"], `${id}: ${habit}`);
    }
  });

  it("is what every resolver serves, for 200,000 paths of the grammar", () => {
    const count = 200_000;
    const random = seeded(20_261_124);
    let agreed = 0;
    for (let i = 0; i < count; i++) {
      const target = randomTarget(random);
      const finding = findContradiction(target);
      if (finding.kind === "agreed") agreed++;
      if (finding.kind === "contradiction") {
        const smallest = shrink(target, (candidate) => findContradiction(candidate).kind === "contradiction");
        assert.fail(`${JSON.stringify(smallest)}: ${finding.text}`);
      }
    }
    // The gate looked: a good part got through to the resolvers, a good part was refused.
    assert.ok(agreed > count / 10 && agreed < (count * 9) / 10, `${agreed} of ${count} agreed`);
  });
});
