import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createHeaderScan,
  governedHeader,
  headerBytesMax,
  headerNameBytesMax,
  type HeaderProblem,
  headerProblems,
  headersMax,
  headersOf,
  ignoredHeaders,
  isHeaderName,
  kindOfValue,
  overrideHeaders,
  singleHeaders,
} from "../../../core/request/headers.ts";

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
const isName = (text: string): boolean => isHeaderName(bytesOf(text), 0, text.length);

const refusals: readonly (readonly [string, readonly (readonly [string, string])[], HeaderProblem])[] = [
  ["B20 a name with an underscore", [["x_user", "a"]], "name"],
  ["B20 a name with a dot", [["x.picket.decision", "a"]], "name"],
  ["B20 a name with a blank at its end", [["x-user ", "a"]], "name"],
  ["B20 a framing header spelled with a dot", [["transfer.encoding", "chunked"]], "name"],
  ["B25 an empty name", [["", "a"]], "name"],
  ["B25 a name that is no token", [["a(b)", "a"]], "name"],
  ["B25 a Kelvin sign in a name", [["coo\u212aie", "a"]], "name"],
  ["B25 a long name", [["a".repeat(headerNameBytesMax + 1), "a"]], "name"],
  ["B24 a NUL in a value", [["a", "b\0c"]], "control-byte"],
  ["B24 a line end in a value", [["a", "b\r\nc: d"]], "control-byte"],
  ["B24 a DEL in a value", [["a", "\x7f"]], "control-byte"],
  [
    "B10 two Host headers, the same",
    [
      ["host", "a"],
      ["Host", "a"],
    ],
    "repeated",
  ],
  [
    "B21 two Authorization headers",
    [
      ["authorization", "Bearer a"],
      ["x", "y"],
      ["authorization", ""],
    ],
    "repeated",
  ],
  [
    "F07 two content types",
    [
      ["content-type", "application/json"],
      ["content-type", "text/plain"],
    ],
    "repeated",
  ],
  [
    "B28 two lengths",
    [
      ["content-length", "5"],
      ["content-length", "5"],
    ],
    "repeated",
  ],
  [
    "B28 two codings",
    [
      ["transfer-encoding", "chunked"],
      ["transfer-encoding", "identity"],
    ],
    "repeated",
  ],
  [
    "B28 length and coding",
    [
      ["content-length", "5"],
      ["transfer-encoding", "chunked"],
    ],
    "framing",
  ],
  [
    "B28 coding and length",
    [
      ["transfer-encoding", "chunked"],
      ["content-length", "5"],
    ],
    "framing",
  ],
  ["B28 a length with a sign", [["content-length", "+5"]], "content-length"],
  ["B28 a hexadecimal length", [["content-length", "0x5"]], "content-length"],
  ["B28 a negative length", [["content-length", "-1"]], "content-length"],
  ["B28 an empty length", [["content-length", ""]], "content-length"],
  ["B28 a list of lengths", [["content-length", "5,5"]], "content-length"],
  ["B28 a length of 2^63", [["content-length", "9223372036854775808"]], "content-length"],
  ["B05 a method override", [["X-HTTP-Method-Override", "DELETE"]], "override"],
  ["B17 a path override", [["X-Original-URL", "/admin"]], "override"],
  ["B26 too many headers", Array.from({ length: headersMax + 1 }, (_, i) => [`h${i}`, ""] as const), "too-many"],
  ["B26 one huge header", [["a", "b".repeat(headerBytesMax)]], "too-large"],
  ["B26 eight large cookies", Array.from({ length: 8 }, () => ["cookie", "c".repeat(8_192)] as const), "too-large"],
];

describe("headers", () => {
  for (const [what, list, problem] of refusals) {
    it(`refuse ${what} as ${problem}`, () => assert.equal(headersOf(list).problem, problem));
  }

  it("refuse every single header that comes twice and every override header that comes at all", () => {
    for (const name of singleHeaders) {
      const value = name === "content-length" ? "1" : "x";
      assert.equal(headersOf([[name, value]]).problem, undefined, name);
      assert.equal(
        headersOf([
          [name, value],
          [name, value],
        ]).problem,
        "repeated",
        name,
      );
    }
    for (const name of overrideHeaders) assert.equal(headersOf([[name, "x"]]).problem, "override", name);
  });

  it("accept what honest clients and the proxies before them send", () => {
    const list: [string, string][] = [
      ["Accept", "text/html"],
      ["accept", "*/*"],
      ["cookie", "a=b"],
      ["cookie", "c=d"],
      ["x-forwarded-for", "192.0.2.1"],
      ["x-forwarded-for", "192.0.2.2"],
      ["x-name", "caf\xe9"],
      ["x-tab", "a\tb"],
      ["content-length", "0"],
      ...ignoredHeaders.map((name): [string, string] => [name, "x"]),
    ];
    const headers = headersOf(list);
    assert.equal(headers.problem, undefined);
    assert.equal(headers.get("accept"), "text/html,*/*");
    assert.equal(headers.count("accept"), 2);
    assert.equal(headers.get("authorization"), undefined);
    assert.equal(headers.count("authorization"), 0);
  });

  it("take exactly as many headers and bytes as the limits say", () => {
    assert.equal(headersOf(Array.from({ length: headersMax }, (_, i) => [`h${i}`, ""] as const)).problem, undefined);
    assert.equal(headersOf([["a", "b".repeat(headerBytesMax - 1)]]).problem, undefined);
  });

  it("have a test for every word of the closed list", () => {
    const seen = new Set<string>(refusals.map(([, , problem]) => problem));
    assert.deepEqual(
      headerProblems.filter((problem) => !seen.has(problem)),
      [],
    );
  });
});

describe("createHeaderScan", () => {
  it("keeps the first problem and forgets it on reset", () => {
    const scan = createHeaderScan();
    const bytes = bytesOf("hostx_y");
    scan.add(bytes, 0, 4, 4, 4);
    scan.add(bytes, 0, 4, 4, 4);
    scan.add(bytes, 4, 7, 7, 7);
    assert.equal(scan.problem, "repeated");
    scan.reset();
    assert.equal(scan.problem, undefined);
    scan.add(bytes, 0, 4, 4, 4);
    assert.equal(scan.problem, undefined);
  });
});

describe("isHeaderName", () => {
  it("accepts lower-case letters, digits and hyphens only", () => {
    for (let byte = 0; byte < 256; byte++) {
      const text = `a${String.fromCharCode(byte)}b`;
      assert.equal(isName(text), /^[a-z0-9-]+$/.test(text), JSON.stringify(text));
    }
    assert.equal(isName(""), false);
    assert.equal(isName("a".repeat(headerNameBytesMax)), true);
  });
});

describe("kindOfValue", () => {
  it("tells text, high bytes and controls apart", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const list = [...bytes];
        const control = list.some((byte) => (byte < 0x20 && byte !== 9) || byte === 0x7f);
        const expected = control ? "control" : list.some((byte) => byte > 0x7f) ? "high" : "ascii";
        assert.equal(kindOfValue(bytes, 0, bytes.length), expected);
      }),
      { numRuns: 2_000, seed: 23 },
    );
  });
});

describe("governedHeader", () => {
  const read = (...values: string[]) => governedHeader(headersOf(values.map((value) => ["x-plan", value])), "x-plan");

  it("gives the one value", () => assert.deepEqual(read("gold"), { kind: "value", value: "gold" }));
  it("tells an absent header from an empty one", () => {
    assert.deepEqual(read(), { kind: "absent" });
    assert.deepEqual(read(""), { kind: "value", value: "" });
  });
  it("finds repeated and comma-joined values equally ambiguous (B21, B22)", () => {
    assert.deepEqual(read("gold", "free"), { kind: "ambiguous" });
    assert.deepEqual(read("gold,free"), { kind: "ambiguous" });
    assert.deepEqual(read("gold", "gold"), { kind: "ambiguous" });
  });
  it("finds bytes outside ASCII ambiguous (B23)", () => assert.deepEqual(read("g\xf6ld"), { kind: "ambiguous" }));
});
