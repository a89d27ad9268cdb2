import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { readCanaryAnswer } from "../../../operator/canary/answer.ts";
import { Canaries, leakConfirmMs, type CanaryTarget } from "../../../operator/canary/canaries.ts";
import { httpProbe } from "../../../operator/canary/probe.ts";
import { systemClock } from "../../../platform/clock.ts";
import { silentLog } from "../../contract/ads-range.ts";

describe("answer to a canary", () => {
  const problem = { "content-type": "application/problem+json" };
  const cases: readonly [string, number, Record<string, string>, string][] = [
    ["the refusal that names the revision", 403, { "x-picket-canary": "r1", ...problem }, "proven"],
    ["a refusal by another revision", 403, { "x-picket-canary": "r0", ...problem }, "refused"],
    ["a refusal by a rule", 403, { "x-picket-decision": "d", ...problem }, "refused"],
    ["a refusal without a body", 403, { "x-picket-decision": "d" }, "refused"],
    ["a proxy without its scorer", 503, problem, "refused"],
    ["a proxy without its application", 503, { "content-type": "text/plain" }, "refused"],
    ["a limit", 429, problem, "refused"],
    ["a page", 200, { "content-type": "text/html" }, "leaked"],
    ["a page that bears our mark", 200, { "x-picket-canary": "r1", "x-picket-decision": "d" }, "leaked"],
    ["an unknown page", 404, problem, "leaked"],
    ["a redirection", 302, {}, "leaked"],
    ["a refusal by the application itself", 403, { "content-type": "application/json" }, "leaked"],
    ["a question for a login by the application", 401, { "www-authenticate": "Basic" }, "leaked"],
    ["a fault of the application", 502, problem, "leaked"],
  ];
  for (const [title, status, headers, expected] of cases) {
    it(`${title} is ${expected}`, () => assert.equal(readCanaryAnswer(status, headers, "r1"), expected));
  }
});

describe("canaries", () => {
  let server: Server;
  let asked: string[];
  let answer: { status: number; headers: Record<string, string> };
  let canaries: Canaries;
  let proven: string[];
  let leaked: string[];
  let target: CanaryTarget;

  beforeEach(async () => {
    asked = [];
    proven = [];
    leaked = [];
    server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(answer.status, answer.headers).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    target = { workload: "shop/a", host: "0.0.0.0", port, path: "/canary/r1", revision: "r1", fingerprint: "f1" };
    canaries = new Canaries({
      probe: httpProbe,
      clock: systemClock,
      log: silentLog,
      proven: ({ fingerprint }) => proven.push(fingerprint),
      leaked: ({ fingerprint }) => leaked.push(fingerprint),
    });
  });
  afterEach(async () => {
    canaries.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const refuse = (revision: string): typeof answer => ({ status: 403, headers: { "x-picket-canary": revision } });

  it("ask until the refusal names the revision, then no more", async () => {
    answer = refuse("r0");
    canaries.follow([target]);
    await until(() => asked.length > 1);
    assert.equal(canaries.isProven("shop/a", "f1"), false);
    answer = refuse("r1");
    await until(() => proven.length === 1);
    assert.ok(canaries.isProven("shop/a", "f1"));
    assert.ok(asked.every((path) => path === "/canary/r1"));
    const before = asked.length;
    canaries.follow([target]);
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(asked.length, before);
  });

  it("ask again after each change, and when a workload comes back", async () => {
    answer = refuse("r1");
    canaries.follow([target]);
    await until(() => proven.length === 1);
    canaries.follow([{ ...target, fingerprint: "f2" }]);
    assert.equal(canaries.isProven("shop/a", "f1"), false);
    await until(() => proven.length === 2);
    canaries.follow([]);
    assert.equal(canaries.isProven("shop/a", "f2"), false);
    canaries.follow([{ ...target, fingerprint: "f2" }]);
    await until(() => proven.length === 3);
  });

  it("report an application that goes on answering, once, and not one that answers for a moment", async () => {
    answer = { status: 200, headers: {} };
    canaries.follow([target]);
    await until(() => asked.length > 1);
    answer = refuse("r1");
    await until(() => proven.length === 1);
    assert.deepEqual(leaked, []);
    answer = { status: 404, headers: {} };
    const startedAt = performance.now();
    canaries.follow([{ ...target, fingerprint: "f2" }]);
    await until(() => leaked.length === 1);
    assert.ok(performance.now() - startedAt >= leakConfirmMs - 10);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(leaked, ["f2"]);
    assert.equal(canaries.isProven("shop/a", "f2"), false);
  });

  it("prove nothing while nobody answers", async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    canaries.follow([target]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(canaries.isProven("shop/a", "f1"), false);
    assert.deepEqual([proven, leaked], [[], []]);
  });
});

async function until(done: () => boolean): Promise<void> {
  const end = Date.now() + 4_000;
  while (!done()) {
    if (Date.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
