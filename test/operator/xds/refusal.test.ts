import assert from "node:assert/strict";
import { cutRefusal, refusalCharactersMax } from "../../../operator/xds/subscription.ts";

describe("cutRefusal", () => {
  it("gives one line of a bounded length", () => {
    assert.equal(cutRefusal(" a\n\tb\u0000c "), "a b c");
    assert.equal(cutRefusal("x y ".repeat(100_000)).length, refusalCharactersMax + 1);
  });

  it("holds no key of a proxy, and no part of one, wherever it stands", () => {
    const key = "Ab0-_".repeat(9).slice(0, 43);
    for (let at = 0; at < 2 * refusalCharactersMax; at++) {
      const said = cutRefusal(`${"word ".repeat(200).slice(0, at)} value: "${key}" and more`);
      assert.ok(!said.includes(key.slice(0, 5)), `${at}: ${said}`);
    }
    const many = cutRefusal(`${key} `.repeat(10_000));
    assert.ok(!many.includes(key.slice(0, 5)), many);
  });
});
