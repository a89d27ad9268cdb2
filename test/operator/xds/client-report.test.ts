import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { countIn, digestOf, parseReport, type ClientReport } from "../../../operator/xds/client-report.ts";
import { keptMs, Peers, reportPath } from "../../../operator/xds/peers.ts";
import { countingAll } from "../../../operator/xds/shared-counts.ts";
import { systemClock } from "../../../platform/clock.ts";
import { silentLog } from "../../contract/ads-range.ts";

const one = { typeUrl: "t", name: "a", version: "1" };
const two = { typeUrl: "t", name: "b", version: "1" };
const newer = { ...one, version: "2" };
const whole = digestOf([one, two]);

const report: ClientReport = {
  groups: {
    g: {
      running: { [whole]: 3, [digestOf([one])]: 1 },
      refused: { [digestOf([newer])]: { clients: 2, message: "no such filter" } },
    },
  },
  leaks: { "bank/accounts:8080": "abc" },
};

describe("what other replicas know of their clients", () => {
  it("counts as current only who runs everything of the group", () => {
    assert.deepEqual(countIn(report, "g", whole, [one]), { current: 3, total: 4, rejected: 0, message: "" });
    const refused = { current: 0, total: 4, rejected: 2, message: "no such filter" };
    assert.deepEqual(countIn(report, "g", digestOf([newer, two]), [newer]), refused);
    assert.deepEqual(countIn(report, "other", whole, [one]), { current: 0, total: 0, rejected: 0, message: "" });
    assert.deepEqual(countIn(report, "constructor", whole, []), { current: 0, total: 0, rejected: 0, message: "" });
  });

  it("is the same in any order", () => assert.equal(digestOf([two, one]), whole));

  it("reads nothing but a report", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(parseReport(JSON.parse(JSON.stringify(report))))), report);
    const strange: readonly unknown[] = [
      undefined,
      null,
      [],
      {},
      { groups: [], leaks: {} },
      { groups: { g: 1 }, leaks: {} },
      { groups: { g: { running: { x: -1 }, refused: {} } }, leaks: {} },
      { groups: { g: { running: { x: "1" }, refused: {} } }, leaks: {} },
      { groups: { g: { running: {}, refused: { x: { clients: 1 } } } }, leaks: {} },
      { groups: { g: { running: {} } }, leaks: {} },
      { groups: {} },
      { groups: {}, leaks: { "bank/a:1": 1 } },
    ];
    for (const value of strange) assert.equal(parseReport(value), undefined, JSON.stringify(value));
  });

  it("is added to what this replica knows, and pods that nobody hears of are missing", () => {
    const counting = countingAll(
      {
        publish: () => undefined,
        published: () => [],
        retire: () => true,
        count: () => ({ current: 1, total: 2, rejected: 0, message: "" }),
      },
      () => [report, report],
      () => 11,
    );
    const bytes = new Uint8Array(0);
    counting.publish("g", [
      { ...one, bytes },
      { ...two, bytes },
    ]);
    assert.deepEqual(counting.count("g", [{ ...one, bytes }]), { current: 7, total: 11, rejected: 0, message: "" });
    counting.publish("g", [
      { ...newer, bytes },
      { ...two, bytes },
    ]);
    const changed = { current: 1, total: 11, rejected: 4, message: "no such filter" };
    assert.deepEqual(counting.count("g", [{ ...newer, bytes }]), changed);
  });
});

describe("other replicas", function () {
  this.timeout(20_000);
  let server: Server;
  let address: string;
  let body: string;
  const stop = new AbortController();

  before(async () => {
    server = createServer((request, response) => response.end(request.url === reportPath ? body : ""));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    stop.abort();
    server.close();
  });

  it("are asked, believed while they answer with a report, and forgotten when they are silent or gone", async () => {
    body = JSON.stringify(report);
    let changes = 0;
    let nowMs = 0;
    let addresses = [address];
    const peers = new Peers({
      addresses: () => addresses,
      changed: () => changes++,
      clock: { ...systemClock, monotonic: () => nowMs },
      log: silentLog,
    });
    peers.start(stop.signal);
    await until(() => [...peers.reports()].length === 1);
    assert.equal(changes, 1);
    assert.deepEqual([...peers.leaks()], [["bank/accounts:8080", "abc"]]);
    body = "garbage";
    await until(() => [...peers.reports()].length === 1);
    nowMs += keptMs + 1;
    await until(() => [...peers.reports()].length === 0);
    body = JSON.stringify(report);
    await until(() => [...peers.reports()].length === 1);
    addresses = [];
    await until(() => [...peers.reports()].length === 0);
  });
});

async function until(done: () => boolean): Promise<void> {
  const end = performance.now() + 8_000;
  while (!done()) {
    if (performance.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
