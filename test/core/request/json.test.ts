import assert from "node:assert/strict";
import fc from "fast-check";
import {
  jsonDepthCeiling,
  jsonKeyBytesMax,
  jsonLimits,
  jsonNumberBytesMax,
  type JsonProblem,
  jsonProblems,
  type JsonValue,
  parseJson,
  scanJson,
} from "../../../core/request/json.ts";

const encoder = new TextEncoder();
const bytesOf = (text: string): Uint8Array => encoder.encode(text);

/** A value as JSON.parse would give it, own `__proto__` included. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) {
    const object: Record<string, unknown> = {};
    for (const [key, member] of value) {
      Object.defineProperty(object, key, {
        value: plain(member),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return object;
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

function parse(text: string | Uint8Array): unknown {
  const bytes = typeof text === "string" ? bytesOf(text) : text;
  const result = parseJson(bytes);
  const problem = scanJson(bytes);
  assert.equal(problem, "problem" in result ? result.problem : undefined, "scanning and parsing agree");
  return "problem" in result ? result.problem : plain(result.value);
}

const refusals: readonly (readonly [string, string | Uint8Array, JsonProblem])[] = [
  ["duplicate keys", '{"amount":1,"amount":999}', "duplicate-key"],
  ["duplicate keys behind an escape", '{"amount":1,"amo\\u0075nt":2}', "duplicate-key"],
  ["duplicate keys in two normal forms", '{"caf\u00e9":1,"cafe\u0301":2}', "duplicate-key"],
  ["a Kelvin sign beside a K", '{"K":1,"\u212a":2}', "duplicate-key"],
  ["a K beside a Kelvin sign", '{"\u212a":1,"K":2}', "duplicate-key"],
  ["duplicate keys deep inside", '[{"a":{"b":1,"b":1}}]', "duplicate-key"],
  ["a duplicate __proto__", '{"__proto__":1,"__proto__":2}', "duplicate-key"],
  ["depth 65", "[".repeat(65) + "]".repeat(65), "too-deep"],
  ["depth 10,000", "[".repeat(10_000), "too-deep"],
  ["depth 1,000,000", '{"a":'.repeat(200_000), "too-deep"],
  ["NaN", "NaN", "unexpected-byte"],
  ["Infinity", "[-Infinity]", "bad-number"],
  ["a number too large for a double", "1e999", "number-range"],
  ["a number too small for a double", "1e-999", "number-range"],
  ["2^53", "9007199254740992", "number-range"],
  ["2^53 + 1", "9007199254740993", "number-range"],
  ["-2^53 - 1", "-9007199254740993", "number-range"],
  ["2^53 + 1 with a fraction", "9007199254740993.0", "number-range"],
  ["2^53 + 1 with an exponent", "9007199254740993e0", "number-range"],
  ["an integer of 100 digits", "1".repeat(100), "number-range"],
  ["an integer of 400 digits", "1".repeat(400), "number-too-long"],
  ["a leading zero", "[01]", "bad-number"],
  ["a negative leading zero", "-012", "bad-number"],
  ["a plus sign", "+1", "unexpected-byte"],
  ["a fraction without whole part", ".5", "unexpected-byte"],
  ["a number that ends in a dot", "1.", "bad-number"],
  ["an empty exponent", "1e+", "bad-number"],
  ["a lone minus", "-", "bad-number"],
  ["a hexadecimal number", "0x10", "trailing-data"],
  ["trailing garbage", '{"a":1}x', "trailing-data"],
  ["two documents", "{}{}", "trailing-data"],
  ["a NUL after the document", "{}\0", "trailing-data"],
  ["a byte order mark", "\ufeff{}", "byte-order-mark"],
  ["a comment", "{/**/}", "unexpected-byte"],
  ["a trailing comma in an object", '{"a":1,}', "unexpected-byte"],
  ["a trailing comma in an array", "[1,]", "unexpected-byte"],
  ["a lone comma", "[,]", "unexpected-byte"],
  ["a missing comma", "[1 2]", "unexpected-byte"],
  ["a missing colon", '{"a" 1}', "unexpected-byte"],
  ["single quotes", "{'a':1}", "unexpected-byte"],
  ["a bare key", "{a:1}", "unexpected-byte"],
  ["upper-case words", "TRUE", "unexpected-byte"],
  ["a cut word", "tru", "unexpected-end"],
  ["a form feed as blank", "[\f1]", "unexpected-byte"],
  ["a no-break space as blank", "[\u00a01]", "unexpected-byte"],
  ["nothing", "", "unexpected-end"],
  ["blanks only", " \n", "unexpected-end"],
  ["an open array", "[1", "unexpected-end"],
  ["an open object", '{"a":1', "unexpected-end"],
  ["an open string", '"abc', "unexpected-end"],
  ["a string that ends in a backslash", '"\\', "unexpected-end"],
  ["a mismatched bracket", "[1}", "unexpected-byte"],
  ["a raw line end in a string", '"a\nb"', "control-byte"],
  ["a raw NUL in a string", '"\0"', "control-byte"],
  ["an unknown escape", '"\\x41"', "bad-escape"],
  ["a short unicode escape", '"\\u00e"', "bad-escape"],
  ["a unicode escape that is no hex", '"\\u00zz"', "bad-escape"],
  ["a lone high surrogate", '"\\ud800"', "lone-surrogate"],
  ["a lone low surrogate", '"\\udc00"', "lone-surrogate"],
  ["a high surrogate before another escape", '"\\ud800\\n"', "lone-surrogate"],
  ["two high surrogates", '"\\ud800\\ud800"', "lone-surrogate"],
  ["an overlong slash", Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), "not-utf8"],
  ["a surrogate in UTF-8", Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), "not-utf8"],
  ["a cut UTF-8 sequence", Uint8Array.of(0x22, 0xe2, 0x82, 0x22), "not-utf8"],
  ["a code point beyond the last", Uint8Array.of(0x22, 0xf4, 0x90, 0x80, 0x80, 0x22), "not-utf8"],
  ["a byte that is no UTF-8", Uint8Array.of(0x22, 0xff, 0x22), "not-utf8"],
  ["UTF-16", Uint8Array.of(0x5b, 0x00, 0x5d, 0x00), "unexpected-byte"],
  ["a long key", `{"${"k".repeat(jsonKeyBytesMax + 1)}":1}`, "key-too-long"],
];

describe("parseJson and scanJson", () => {
  for (const [what, text, problem] of refusals) {
    it(`refuse ${what} as ${problem}`, () => assert.equal(parse(text), problem));
  }

  const accepted: readonly (readonly [string, string, unknown])[] = [
    ["a scalar at the top", " 1 ", 1],
    ["the words", "[true,false,null]", [true, false, null]],
    ["empty things", '[{},[],""]', [{}, [], ""]],
    ["every escape", '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u0000"', '"\\/\b\f\n\r\tA\0'],
    ["a surrogate pair", '"\\ud83c\\udf7a"', "🍺"],
    ["raw UTF-8 up to the last code point", '"é€🍺\u{10ffff}"', "é€🍺\u{10ffff}"],
    ["noncharacters", '"\ufffe\uffff"', "\ufffe\uffff"],
    ["the greatest exact integer", "9007199254740991", Number.MAX_SAFE_INTEGER],
    ["the least exact integer", "-9007199254740991", Number.MIN_SAFE_INTEGER],
    ["a large number in few digits", "[1E22,123e45,-2.5e+30]", [1e22, 123e45, -2.5e30]],
    ["a small number", "1.5e-300", 1.5e-300],
    ["minus zero as zero", "[-0,-0.0,0e5]", [0, 0, 0]],
    ["a fraction", "0.1", 0.1],
    ["DEL in a string", '"\x7f"', "\x7f"],
    ["keys of longest length", `{"${"k".repeat(jsonKeyBytesMax)}":1}`, { ["k".repeat(jsonKeyBytesMax)]: 1 }],
    ["the same key in two objects", '[{"a":1},{"a":{"a":2}}]', [{ a: 1 }, { a: { a: 2 } }]],
    ["depth 64", "[".repeat(64) + "]".repeat(64), JSON.parse("[".repeat(64) + "]".repeat(64))],
  ];
  for (const [what, text, value] of accepted) {
    it(`accept ${what}`, () => assert.deepStrictEqual(parse(text), value));
  }

  it("give `__proto__` and `constructor` as keys like any other", () => {
    const result = parseJson(bytesOf('{"__proto__":{"admin":true},"constructor":1}'));
    assert.ok("value" in result && result.value instanceof Map);
    assert.deepEqual([...result.value.keys()], ["__proto__", "constructor"]);
    assert.equal(({} as { admin?: boolean }).admin, undefined);
  });

  it("take exactly as many bytes, levels and keys as the limits say", () => {
    const limits = { bytesMax: 20, depthMax: 2, keysMax: 2 };
    assert.equal(scanJson(bytesOf('{"a":{"b":1}}'), limits), undefined);
    assert.equal(scanJson(bytesOf('{"a":{"b":[]}}'), limits), "too-deep");
    assert.equal(scanJson(bytesOf('{"a":{"b":1},"c":1}'), limits), "too-many-keys");
    assert.equal(scanJson(bytesOf(`"${"a".repeat(18)}"`), limits), undefined);
    assert.equal(scanJson(bytesOf(`"${"a".repeat(19)}"`), limits), "too-large");
  });

  it("never go deeper than the ceiling, whatever the limits say", () => {
    const limits = { ...jsonLimits, depthMax: 1_000_000 };
    const nest = (depth: number): Uint8Array => bytesOf("[".repeat(depth) + "]".repeat(depth));
    assert.equal(scanJson(nest(jsonDepthCeiling), limits), undefined);
    assert.equal(scanJson(nest(jsonDepthCeiling + 1), limits), "too-deep");
  });

  it("refuse numbers longer than the limit", () => {
    assert.equal(parse(`0.${"0".repeat(jsonNumberBytesMax - 3)}1`), 1e-126);
    assert.equal(parse(`0.${"0".repeat(jsonNumberBytesMax - 2)}1`), "number-too-long");
  });

  it("use every word of the closed list in these tests", () => {
    const seen = new Set<string>(refusals.map(([, , problem]) => problem));
    assert.deepEqual(
      jsonProblems.filter((problem) => !seen.has(problem)),
      ["too-large", "too-many-keys"],
    );
  });

  it("read what JSON.stringify writes", () => {
    const wellFormed = fc.jsonValue({ stringUnit: "binary" }).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(wellFormed, (text) => {
        const value = parse(text);
        const clash = value === "duplicate-key" || value === "number-range";
        if (!clash) assert.equal(JSON.stringify(value), JSON.stringify(JSON.parse(text)).replace(/-0(?![.\d])/g, "0"));
      }),
      { numRuns: 2_000, seed: 5 },
    );
  });

  it("accept nothing that JSON.parse refuses or reads otherwise, for damaged documents", () => {
    const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const documents = ['{"a":[1,2.5,-3e2],"b":{"c":"d\\u00e9"}}', '[true,null,"\u00e9\\n",{"x":0}]', "[[1],[22],[]]"];
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...documents),
        fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
        (text, damages) => {
          const bytes = bytesOf(text);
          for (const [at, byte] of damages) bytes[at % bytes.length] = byte;
          const result = parseJson(bytes);
          assert.equal(scanJson(bytes), "problem" in result ? result.problem : undefined);
          if ("problem" in result) return;
          accepted++;
          const expected = JSON.parse(strict.decode(bytes), (_, value: unknown) => (Object.is(value, -0) ? 0 : value));
          assert.deepStrictEqual(plain(result.value), expected);
        },
      ),
      { numRuns: 20_000, seed: 9 },
    );
    assert.ok(accepted > 500, `${accepted} accepted`);
  });
});
