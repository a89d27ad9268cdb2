import assert from "node:assert/strict";
import { headersOf } from "../../../core/request/headers.ts";
import { createRequestView, type RawRequest, type ViewProblem, viewRequest } from "../../../core/request/view.ts";
import { factsOf } from "../../../core/verdict/reason.ts";

const honest: RawRequest = {
  method: "GET",
  target: "/v1/accounts/42?verbose=1",
  authority: "Bank.example:8443",
  headers: headersOf([["accept", "*/*"]]),
};

describe("viewRequest", () => {
  it("reads an honest request", () => {
    const view = createRequestView();
    assert.equal(viewRequest(honest, view), undefined);
    assert.equal(view.method, "GET");
    assert.equal(view.path, "/v1/accounts/42");
    assert.equal(view.query, "verbose=1");
    assert.equal(view.host, "bank.example");
    assert.equal(view.segmentCount, 3);
    assert.deepEqual(Array.from(view.segmentStarts.subarray(0, 3)), [1, 4, 13]);
    assert.deepEqual(Array.from(view.segmentEnds.subarray(0, 3)), [3, 12, 15]);
    assert.equal(view.headers.get("accept"), "*/*");
  });

  const refusals: readonly (readonly [string, Partial<RawRequest>, ViewProblem])[] = [
    ["an unknown method", { method: "FOO" }, { reason: "method-unknown", detail: "method" }],
    ["an empty method", { method: "" }, { reason: "method-unknown", detail: "method" }],
    ["an ambiguous path", { target: "/a%2fb" }, { reason: "path-ambiguous", detail: "encoded-slash" }],
    ["no path", { target: "" }, { reason: "path-ambiguous", detail: "not-absolute" }],
    ["an ambiguous query", { target: "/a?b%00" }, { reason: "query-ambiguous", detail: "encoded-nul" }],
    ["two hosts", { authority: "a,b" }, { reason: "authority-ambiguous", detail: "several-hosts" }],
    ["no host", { authority: "" }, { reason: "authority-ambiguous", detail: "empty" }],
    ["an odd header name", { headers: headersOf([["x_y", ""]]) }, { reason: "header-ambiguous", detail: "name" }],
    [
      "too many headers",
      { headers: headersOf(Array.from({ length: 101 }, () => ["a", ""] as const)) },
      { reason: "headers-too-large", detail: "too-many" },
    ],
    [
      "too large headers",
      { headers: headersOf([["a", "b".repeat(40_000)]]) },
      { reason: "headers-too-large", detail: "too-large" },
    ],
  ];
  for (const [what, change, problem] of refusals) {
    it(`refuses ${what} with ${problem.reason} and leaves an empty view`, () => {
      const view = createRequestView();
      assert.equal(viewRequest(honest, view), undefined);
      assert.deepEqual(viewRequest({ ...honest, ...change }, view), problem);
      assert.deepEqual([view.path, view.query, view.host, view.segmentCount], ["", "", "", 0]);
      assert.equal(view.headers.count("accept"), 0);
      assert.equal(factsOf(problem.reason).kind, "deny");
    });
  }

  it("answers equal refusals with one object", () => {
    const view = createRequestView();
    const first = viewRequest({ ...honest, target: "/;" }, view);
    assert.equal(viewRequest({ ...honest, target: "/a;b" }, view), first);
  });
});
