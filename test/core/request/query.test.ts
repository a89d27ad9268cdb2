import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseQuery,
  queryBytesMax,
  queryKeysMax,
  type QueryProblem,
  queryProblems,
  scanQuery,
} from "../../../core/request/query.ts";

function read(query: string, name: string): string {
  const view = parseQuery(query);
  if (typeof view === "string") return `refused ${view}`;
  const found = view.get(name);
  return found.kind === "value" ? `value ${found.value}` : found.kind;
}

const refusals: readonly (readonly [string, string, QueryProblem, boolean])[] = [
  ["A35", "a;b", "semicolon", false],
  ["A35", "id=1;id=2", "semicolon", false],
  ["A14", "a=%zz", "broken-escape", false],
  ["A14", "100%", "broken-escape", false],
  ["A14", "a%=1", "broken-escape", false],
  ["A14", "a=%2&b", "broken-escape", false],
  ["A12", "a=%c0%af", "not-utf8", false],
  ["A12", "%ff=1", "not-utf8", false],
  ["A15", "a=%00", "encoded-nul", true],
  ["A15", "a=\0", "control-byte", true],
  ["A15", "a b", "control-byte", true],
  ["A15", "a\x7f", "control-byte", true],
  ["A12", "a=\xe9", "raw-high-byte", true],
  ["A16", "q#f", "fragment", true],
  ["A29", "a".repeat(queryBytesMax + 1), "too-long", true],
  ["A29", "a&".repeat(queryKeysMax + 1), "too-many-keys", false],
];

describe("parseQuery", () => {
  for (const [vector, query, problem] of refusals) {
    it(`refuses ${JSON.stringify(query.slice(0, 20))} as ${problem} (${vector})`, () => {
      assert.equal(parseQuery(query), problem);
    });
  }

  const answers: readonly (readonly [string, string, string])[] = [
    ["", "id", "absent"],
    ["id=1", "id", "value 1"],
    ["a=b&id=1&c", "id", "value 1"],
    ["id", "id", "value "],
    ["id=", "id", "value "],
    ["id=1=2", "id", "value 1=2"],
    ["&&id=1&", "id", "value 1"],
    ["i%64=%31", "id", "value 1"],
    ["q=caf%C3%A9+x%2B", "q", "value café x+"],
    ["q=a%0Ab", "q", "value a\nb"],
    ["x=/../admin", "x", "value /../admin"],
    ["other=1&other=2&id=3", "id", "value 3"],
    ["id=1&id=2", "id", "ambiguous"],
    ["id=1&%69d=2", "id", "ambiguous"],
    ["id=1&id=1", "id", "ambiguous"],
    ["id[]=1", "id", "ambiguous"],
    ["id%5b%5d=1", "id", "ambiguous"],
    ["id=1&id[0]=2", "id", "ambiguous"],
    ["id=1&ID=2", "id", "ambiguous"],
    ["ID=2", "id", "ambiguous"],
    ["user_id=1&user.id=2", "user_id", "ambiguous"],
    ["user_id=1&user+id=2", "user_id", "ambiguous"],
    ["id=1&+id=2", "id", "ambiguous"],
    ["__proto__=1", "__proto__", "value 1"],
    ["__proto__=1", "toString", "absent"],
  ];
  for (const [query, name, answer] of answers) {
    it(`finds ${name} in ${JSON.stringify(query)}: ${answer}`, () => assert.equal(read(query, name), answer));
  }

  it("takes exactly the greatest number of keys", () => {
    const view = parseQuery(Array.from({ length: queryKeysMax }, (_, i) => `k${i}`).join("&"));
    assert.ok(typeof view !== "string");
    assert.equal(view.size, queryKeysMax);
  });

  it("reads a parameter that comes once as URLSearchParams does", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 10 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key, maxLength: 5 }), (pairs) => {
        const query = new URLSearchParams(pairs).toString();
        const view = parseQuery(query);
        if (typeof view === "string") return assert.equal(view, "encoded-nul");
        for (const [key, value] of new URLSearchParams(query)) {
          const found = view.get(key);
          if (found.kind === "value") assert.equal(found.value, value);
          else assert.equal(found.kind, "ambiguous");
        }
      }),
      { numRuns: 2_000, seed: 29 },
    );
  });
});

describe("scanQuery", () => {
  for (const [vector, query, problem, always] of refusals) {
    it(`${always ? "always refuses" : "lets pass"} ${JSON.stringify(query.slice(0, 20))} (${vector})`, () => {
      assert.equal(scanQuery(query), always ? problem : undefined);
    });
  }
  for (const query of [
    "",
    "?",
    "x=/../admin",
    "a=b&a=c",
    "a[]=1",
    "q=100%",
    "redirect=https://x.test/a?b=c",
    "a=%0D%0A",
  ]) {
    it(`lets ${JSON.stringify(query)} pass (A17, A36)`, () => assert.equal(scanQuery(query), undefined));
  }
  it("covers every word of the closed list together with parseQuery", () => {
    const seen = new Set<string>(refusals.map(([, , problem]) => problem));
    assert.deepEqual(
      queryProblems.filter((problem) => !seen.has(problem)),
      [],
    );
  });
});
