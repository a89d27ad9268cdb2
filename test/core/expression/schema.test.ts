import assert from "node:assert/strict";
import { parameterSizeMax } from "../../../core/expression/schema.ts";
import { answer } from "./when.ts";

describe("the variables of when", () => {
  it("read the request", () => {
    const situation = { method: "POST" as const, path: "/v1/a", headers: { "x-channel": "mobile" } };
    assert.equal(answer('request.method == "POST" && request.path.startsWith("/v1/")', situation), "true");
    assert.equal(answer('request.host == "api.example"', situation), "true");
    assert.equal(answer('request.headers["X-Channel"] == "mobile"', situation), "true");
    assert.equal(answer('"x-channel" in request.headers && !("x-other" in request.headers)', situation), "true");
  });

  it("read one query parameter, and nothing that is ambiguous", () => {
    assert.equal(answer('request.query.q == "a b"', { query: "x=1&q=a+b" }), "true");
    assert.equal(answer("has(request.query.q)", { query: "x=1" }), "false");
    assert.equal(answer('request.query.q == "1"', { query: "q=1&q=1" }), "conversion");
    assert.equal(answer("has(request.query.q)", { query: "q=1&q=1" }), "conversion");
    assert.equal(answer('request.query.q == "1"', { query: "q=1&x=%zz" }), "conversion");
  });

  it("give hour and weekday in UTC, Sunday being 0", () => {
    const sunday = Date.UTC(2026, 1, 1, 23, 59, 59, 999);
    assert.equal(answer("request.hour == 23 && request.weekday == 0", { nowMs: sunday }), "true");
    assert.equal(answer("request.hour == 0 && request.weekday == 1", { nowMs: sunday + 1 }), "true");
    assert.equal(answer("request.weekday == now.getDayOfWeek()", { nowMs: sunday }), "true");
    assert.equal(answer("request.hour == now.getHours()", { nowMs: sunday }), "true");
  });

  it("give an anonymous caller no id, no issuer, no claims, no scopes and level 0", () => {
    assert.equal(answer("principal.authenticated"), "false");
    assert.equal(answer('principal.id == ""'), "missing");
    assert.equal(answer("has(principal.id) || has(principal.issuer)"), "false");
    assert.equal(answer('"a" in principal.scopes'), "false");
    assert.equal(answer("principal.level == 0"), "true");
  });

  it("read scopes from a text of words or a list", () => {
    for (const scope of ["accounts:read pay", ["accounts:read", "pay"]]) {
      const situation = { claims: { scope } };
      assert.equal(answer('"accounts:read" in principal.scopes', situation), "true");
      assert.equal(answer('"accounts" in principal.scopes', situation), "false");
      assert.equal(answer("principal.scopes.exists(s, s.endsWith(':read'))", situation), "true");
      assert.equal(answer("size(principal.scopes) == 2", situation), "true");
    }
  });

  it("read the level from claim acr and nothing else", () => {
    assert.equal(answer("principal.level >= 2", { claims: { acr: "2" } }), "true");
    assert.equal(answer("principal.level >= 2", { claims: { acr: "urn:example:gold" } }), "false");
  });

  it("read path parameters up to a length", () => {
    const rule = "resource.id == principal.claims.sub";
    assert.equal(answer(rule, { parameters: { id: "u-1" }, claims: { sub: "u-1" } }), "true");
    assert.equal(answer(rule, { parameters: {}, claims: { sub: "u-1" } }), "missing");
    const id = "x".repeat(parameterSizeMax + 1);
    assert.equal(answer(rule, { parameters: { id }, claims: { sub: id } }), "size");
  });

  it("read the source, which is missing when it is unknown", () => {
    assert.equal(answer('source.network == "203.0.113.0/24"', { address: "203.0.113.9" }), "true");
    assert.equal(answer('source.address == "203.0.113.9"', { address: "203.0.113.9" }), "true");
    assert.equal(answer('source.address != "203.0.113.9"'), "missing");
  });
});
