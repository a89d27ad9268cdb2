import assert from "node:assert/strict";
import fc from "fast-check";
import { createKeyHash } from "../../../core/limits/key.ts";
import type { ClaimScalar } from "../../../core/policy/policy.ts";
import { halfSipHash } from "./half-sip-hash.ts";

// From the authors' list of test vectors: key 00 01 … 07, input 00 01 … of the given length.
const vectors: readonly string[] = [
  "218d1f59b9b83cc8",
  "be552412f8387315",
  "064f39ef7c50eb57",
  "ce0f1a45f7060679",
  "d5e78a175be52ea1",
  "cb9d7c3f2f3db580",
  "ce3e91358aa2bc25",
  "ff202728b07bc684",
  "edfee820bce4858c",
  "5b51cccc13888307",
  "95b0469f06a6f2ee",
  "ae26333994ddcd48",
  "7bc71f9faef5c799",
];

function hex(low: number, high: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setInt32(0, low, true);
  view.setInt32(4, high, true);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

const hashOf = (parts: readonly (ClaimScalar | undefined)[], first = 0x03020100, second = 0x07060504): string => {
  const hash = createKeyHash({ first, second });
  hash.begin();
  for (const part of parts) {
    if (part === undefined) hash.absent();
    else hash.scalar(part);
  }
  hash.finish();
  return `${hash.high},${hash.low}`;
};

/** The bytes that the parts are said to stand for. */
function bytesOf(parts: readonly (ClaimScalar | undefined)[]): number[] {
  const bytes: number[] = [];
  const push = (value: number): void => {
    for (let shift = 0; shift < 32; shift += 8) bytes.push((value >>> shift) & 0xff);
  };
  for (const part of parts) {
    if (part === undefined) {
      push(4 * 2 ** 28);
    } else if (typeof part === "string") {
      push(2 ** 28 + part.length);
      for (let at = 0; at < part.length; at += 2) {
        push(part.charCodeAt(at) + (at + 1 < part.length ? part.charCodeAt(at + 1) * 65_536 : 0));
      }
    } else if (typeof part === "boolean") {
      push(3 * 2 ** 28 + Number(part));
    } else {
      push(2 * 2 ** 28);
      const view = new DataView(new ArrayBuffer(8));
      view.setFloat64(0, part + 0, true);
      push(view.getUint32(0, true));
      push(view.getUint32(4, true));
    }
  }
  return bytes;
}

const partLists = fc.array(
  fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(undefined),
  ),
  { maxLength: 6 },
);

describe("createKeyHash", () => {
  it("has an oracle that gives the authors' vectors", () => {
    vectors.forEach((expected, length) => {
      const input = Array.from({ length }, (_, at) => at);
      const { low, high } = halfSipHash(input, 0x03020100, 0x07060504);
      assert.equal(hex(low, high), expected, `length ${length}`);
    });
  });

  it("is HalfSipHash-2-4 over type, length and content of the parts", () => {
    fc.assert(
      fc.property(partLists, fc.integer(), fc.integer(), (parts, first, second) => {
        const { low, high } = halfSipHash(bytesOf(parts), first, second);
        assert.equal(hashOf(parts, first, second), `${high},${low}`);
      }),
      { numRuns: 3_000 },
    );
  });

  it("keeps apart where one part ends and the next begins, and what type it has", () => {
    const lists: readonly (readonly (ClaimScalar | undefined)[])[] = [
      [],
      [""],
      ["", ""],
      ["a", "bc"],
      ["ab", "c"],
      ["abc"],
      ["abc", ""],
      ["abc\u0000"],
      ["1"],
      [1],
      [true],
      ["true"],
      [undefined],
      ["undefined"],
      [false],
      [0],
    ];
    assert.equal(new Set(lists.map((parts) => hashOf(parts))).size, lists.length);
  });

  it("takes both zeros for one", () => {
    assert.equal(hashOf([-0]), hashOf([0]));
  });

  it("depends on both words of the seed", () => {
    assert.equal(new Set([hashOf(["a"], 1, 2), hashOf(["a"], 2, 2), hashOf(["a"], 1, 3)]).size, 3);
  });

  it("leaves nothing of one key in the next", () => {
    const hash = createKeyHash({ first: 1, second: 2 });
    hash.begin();
    hash.text("left over");
    hash.begin();
    hash.text("a");
    hash.finish();
    assert.equal(`${hash.high},${hash.low}`, hashOf(["a"], 1, 2));
  });
});
