import assert from "node:assert/strict";
import fc from "fast-check";
import { isInt, isUuid } from "../../../core/catalog/segment-type.ts";

const whole = (check: typeof isInt, text: string): boolean => check(`/${text}/x`, 1, 1 + text.length);

describe("isInt", () => {
  it("takes plain decimals up to 18 digits", () => {
    for (const text of ["0", "7", "10", "999999999999999999"]) assert.ok(whole(isInt, text), text);
  });

  it("refuses every second spelling of a number", () => {
    const others = [
      "",
      "00",
      "007",
      "+7",
      "-7",
      "7e0",
      "0x7",
      "7.0",
      "1_0",
      "٧",
      "７",
      "7 ",
      "%37",
      "1000000000000000000",
    ];
    for (const text of others) assert.ok(!whole(isInt, text), text);
  });

  it("takes exactly what prints back the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789-+e.".split("")), maxLength: 20 }), (text) => {
        const canonical = /^[0-9]+$/.test(text) && BigInt(text).toString() === text && text.length <= 18;
        assert.equal(whole(isInt, text), canonical);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("isUuid", () => {
  it("takes lower and upper case", () => {
    assert.ok(whole(isUuid, "0191d6a8-1b5e-7c3d-8f00-abcdef012345"));
    assert.ok(whole(isUuid, "0191D6A8-1B5E-7C3D-8F00-ABCDEF012345"));
  });

  it("refuses mixed case, braces, missing hyphens and other lengths", () => {
    for (const text of [
      "0191d6a8-1b5e-7c3d-8f00-ABCDEF012345",
      "0191d6a81b5e7c3d8f00abcdef012345",
      "{0191d6a8-1b5e-7c3d-8f00-abcdef012345}",
      "0191d6a8-1b5e-7c3d-8f00-abcdef01234",
      "0191d6a8-1b5e-7c3d-8f00-abcdef0123456",
      "0191d6a8-1b5e-7c3d-8f000abcdef012345",
      "0191d6a8-1b5e-7c3d-8f00-abcdef01234g",
    ]) {
      assert.ok(!whole(isUuid, text), text);
    }
  });
});
