import assert from "node:assert/strict";
import { methods } from "../../../core/policy/policy.ts";
import { parseMethod } from "../../../core/request/method.ts";

describe("parseMethod", () => {
  it("knows every method that a policy can name", () => {
    assert.deepEqual(methods.map(parseMethod), [...methods]);
  });
  for (const text of ["get", "GeT", "GET ", " GET", "", "FOO", "PROPFIND", "TRACE", "TRACK", "CONNECT", "toString"]) {
    it(`does not know ${JSON.stringify(text)} (B01, B02, B06)`, () => assert.equal(parseMethod(text), undefined));
  }
});
