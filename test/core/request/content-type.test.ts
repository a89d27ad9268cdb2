import assert from "node:assert/strict";
import {
  contentTypeBytesMax,
  type ContentTypeProblem,
  contentTypeProblems,
  parseContentType,
} from "../../../core/request/content-type.ts";

describe("parseContentType", () => {
  const accepted: readonly (readonly [string, string, string, boolean])[] = [
    ["application/json", "application/json", "", true],
    ["application/JSON", "application/json", "", true],
    ["application/json; charset=utf-8", "application/json", "utf-8", true],
    ["application/json;charset=UTF-8", "application/json", "utf-8", true],
    ['application/json ;\tCharset="utf\\-8"', "application/json", "utf-8", true],
    ["application/problem+json", "application/problem+json", "", true],
    ["application/vnd.api+json; profile=x", "application/vnd.api+json", "", true],
    ["application/json+evil", "application/json+evil", "", false],
    ["application/jsonp", "application/jsonp", "", false],
    ["application/+json", "application/+json", "", false],
    ["text/plain; charset=iso-8859-1", "text/plain", "iso-8859-1", false],
    ['multipart/form-data; boundary="a,b;c"', "multipart/form-data", "", false],
    ["text/json", "text/json", "", true],
    ["application/x-json", "application/x-json", "", true],
    ["Text/X-JSON; charset=utf-8", "text/x-json", "utf-8", true],
    ["application/jsonrequest", "application/jsonrequest", "", true],
    ["model/gltf+json", "model/gltf+json", "", true],
  ];
  for (const [text, type, charset, isJson] of accepted) {
    it(`reads ${text} as ${isJson ? "JSON" : "something else than JSON"}`, () => {
      const found = parseContentType(text);
      assert.ok(typeof found !== "string");
      assert.deepEqual([`${found.type}/${found.subtype}`, found.charset, found.isJson], [type, charset, isJson]);
    });
  }

  const refusals: readonly (readonly [string, ContentTypeProblem])[] = [
    ["", "empty"],
    [`a/${"b".repeat(contentTypeBytesMax)}`, "too-long"],
    ["application/json,text/plain", "several-types"],
    ["application/json, application/json", "several-types"],
    ["application/json;charset=utf-8,text/plain", "several-types"],
    ["application", "malformed"],
    ["/json", "malformed"],
    ["application/", "malformed"],
    [" application/json", "malformed"],
    ["application/json ", "malformed"],
    ["application/json;", "malformed"],
    ["application/json; charset", "malformed"],
    ["application/json; charset=", "malformed"],
    ["application/json; =utf-8", "malformed"],
    ["application/json; charset = utf-8", "malformed"],
    ['application/json; charset="utf-8', "malformed"],
    ['application/json; charset="utf-8"x', "malformed"],
    ['application/json; charset="\\', "malformed"],
    ["application/json x", "malformed"],
    ["application/json/x", "malformed"],
    ["application/js\xf6n", "malformed"],
    ["application/json; charset=utf-8; charset=utf-7", "repeated-parameter"],
    ["text/plain; a=1; A=1", "repeated-parameter"],
    ["application/json; charset=utf-7", "charset"],
    ["application/json; charset=x", "charset"],
    ['application/json; charset=""', "charset"],
    ["application/problem+json; charset=utf-16", "charset"],
  ];
  for (const [text, problem] of refusals) {
    it(`refuses ${JSON.stringify(text.slice(0, 50))} as ${problem}`, () =>
      assert.equal(parseContentType(text), problem));
  }

  it("uses every word of its closed list above", () => {
    const seen = new Set<string>(refusals.map(([, problem]) => problem));
    assert.deepEqual(
      contentTypeProblems.filter((problem) => !seen.has(problem)),
      [],
    );
  });
});
