import assert from "node:assert/strict";
import { answerOfDetails, proxyAnswers } from "../../../platform/envoy-details.ts";
import type { AnsweredCall } from "../../../sidecar/accesslog/intake.ts";
import { ProxyRefusals, proxyRefusalsKept } from "../../../sidecar/report/proxy-refusals.ts";

const call = (changes: Partial<AnsweredCall>): AnsweredCall => ({
  requestId: "7d4f3a52-7f2c-4ed8-8f2d-8ba34a5bd3e1",
  method: "GET",
  proxyReason: "path-ambiguous",
  passedUnjudged: false,
  decision: "",
  workload: "bank/accounts",
  proxyKey: "",
  status: 400,
  ...changes,
});

describe("ProxyRefusals", () => {
  it("makes a decision of what the proxy refused, found by the id that the caller was told", () => {
    const refusals = new ProxyRefusals();
    refusals.take(call({}), 1_000);
    const found = refusals.find("7d4f3a52-7f2c-4ed8-8f2d-8ba34a5bd3e1");
    assert.deepEqual(
      [found?.by, found?.judgement.verdict.reason, found?.responseStatus],
      ["proxy", "path-ambiguous", 400],
    );
  });

  it("leaves alone what the application answered", () => {
    assert.equal(new ProxyRefusals().take(call({ proxyReason: undefined }), 1_000), undefined);
  });

  it("never turns an answer of the proxy into an allow", () => {
    for (const { reason } of proxyAnswers) {
      assert.notEqual(new ProxyRefusals().take(call({ proxyReason: reason }), 0)?.judgement.verdict.kind, "allow");
    }
  });

  it("keeps a bounded number, the newest", () => {
    const refusals = new ProxyRefusals();
    for (let i = 0; i < proxyRefusalsKept + 100; i++) refusals.take(call({ requestId: `r${i}` }), i);
    assert.equal(refusals.size, proxyRefusalsKept);
    assert.equal(refusals.find("r0"), undefined);
    assert.ok(refusals.find(`r${proxyRefusalsKept + 99}`) !== undefined);
  });
});

describe("answerOfDetails", () => {
  it("knows what Envoy answers by itself and nothing else", () => {
    assert.equal(answerOfDetails("rbac_access_denied_matched_policy[ambiguous-path]")?.reason, "path-ambiguous");
    assert.equal(answerOfDetails("ext_authz_error")?.reason, "scorer-unavailable");
    for (const details of ["via_upstream", "ext_authz_denied", "", "rbac_access_denied_matched_policy[other]"]) {
      assert.equal(answerOfDetails(details), undefined, details);
    }
  });
});
