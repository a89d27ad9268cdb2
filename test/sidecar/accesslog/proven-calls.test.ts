import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { AnsweredCall } from "../../../sidecar/accesslog/intake.ts";
import { provenCalls } from "../../../sidecar/accesslog/proven-calls.ts";
import { accountsPolicy, storeOf } from "../check/policies.ts";

const call: AnsweredCall = {
  requestId: "r",
  method: "GET",
  proxyReason: undefined,
  passedUnjudged: false,
  decision: "",
  workload: "bank/accounts",
  proxyKey: "",
  status: 200,
};

describe("provenCalls", () => {
  const key = "k".repeat(43);
  const proving = storeOf(accountsPolicy({ proxyKeyDigests: [createHash("sha256").update(key).digest()] }));

  const taken = (policies: typeof proving, one: AnsweredCall): string => {
    const seen: string[] = [];
    provenCalls({ policies, take: () => seen.push("taken"), dropped: () => seen.push("dropped") })(one);
    return seen.join();
  };

  it("takes every entry where nobody has to prove anything", () => {
    assert.equal(taken(storeOf(accountsPolicy()), call), "taken");
    assert.equal(taken(storeOf(), { ...call, workload: "bank/nowhere" }), "taken");
  });

  it("takes what carries the key of its workload and drops everything else", () => {
    assert.equal(taken(proving, { ...call, proxyKey: key }), "taken");
    assert.equal(taken(proving, call), "dropped");
    assert.equal(taken(proving, { ...call, proxyKey: "x".repeat(43) }), "dropped");
    assert.equal(taken(proving, { ...call, proxyKey: key, workload: "bank/nowhere" }), "dropped");
  });
});
