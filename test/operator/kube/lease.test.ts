import assert from "node:assert/strict";
import fc from "fast-check";
import { createLease, leaseSeconds, renewMsMax, type Lease } from "../../../operator/kube/lease.ts";
import { FakeStore } from "../../fake-api/store.ts";
import { storeTransport, unreachable } from "../../fake-api/transport.ts";
import { FakeTime, settled } from "./fake-time.ts";
import { countedMetrics, silentLog } from "./parts.ts";

const path = "/apis/coordination.k8s.io/v1/namespaces/picket-system/leases/picket-operator";

/** One replica: its own link to the store, its own idea of the hour, one shared passing of time. */
class Replica {
  readonly lease: Lease;
  readonly stop = new AbortController();
  readonly told: string[] = [];
  /** How its requests fare: `down` before and `lost` after they reached the store, which then has done them. */
  link: "up" | "down" | "lost" = "up";
  slowMs = 0;
  skewMs = 0;
  readonly time: FakeTime;

  constructor(name: string, store: FakeStore, time: FakeTime, onLost: () => void | Promise<void> = () => {}) {
    this.time = time;
    this.lease = createLease({
      transport: storeTransport(store, {
        before: async () => {
          if (this.slowMs > 0) await new Promise<void>((resolve) => time.after(this.slowMs, resolve));
          if (this.link === "down") throw unreachable();
        },
        after: () => {
          if (this.link === "lost") throw unreachable();
        },
      }),
      namespace: "picket-system",
      name: "picket-operator",
      identity: name,
      clock: { now: () => time.now() + this.skewMs, monotonic: () => time.monotonic() },
      timers: time,
      random: () => 0.5,
      log: silentLog(time),
      gained: () => this.told.push("gained"),
      lost: () => {
        this.told.push("lost");
        return onLost();
      },
      metrics: countedMetrics().metrics,
    });
  }

  start(): this {
    this.lease.start(this.stop.signal);
    return this;
  }
}

function holder(store: FakeStore): unknown {
  const answer = store.call({ method: "GET", path, query: {}, body: undefined, contentType: "" });
  return (answer.body.spec as Record<string, unknown> | undefined)?.holderIdentity;
}

function setUp(): { store: FakeStore; time: FakeTime } {
  const time = new FakeTime();
  return { time, store: new FakeStore(() => time.now()) };
}

describe("a lease", () => {
  it("is taken by the first, and by one only", async () => {
    const { store, time } = setUp();
    const [a, b] = [new Replica("a", store, time).start(), new Replica("b", store, time).start()];
    await time.pass(120_000);
    assert.deepEqual([a.lease.isLeader, b.lease.isLeader], [true, false]);
    assert.deepEqual([a.told, b.told], [["gained"], []]);
    assert.equal(holder(store), "a");
  });

  it("is handed over at once by one that stops, after what followed from leading has ended", async () => {
    const { store, time } = setUp();
    const order: string[] = [];
    const a: Replica = new Replica("a", store, time, async () => {
      await new Promise<void>((resolve) => time.after(1_000, resolve));
      order.push(`work ended, held by ${String(holder(store))}`);
    }).start();
    await settled();
    const b = new Replica("b", store, time).start();
    await time.pass(10_000);
    a.stop.abort();
    void a.lease.stopped.then(() => order.push(`stopped, held by ${String(holder(store))}`));
    await settled();
    assert.equal(a.lease.isLeader, false);
    await time.pass(1_500);
    assert.deepEqual(order, ["work ended, held by a", "stopped, held by "]);
    await time.pass(3_000);
    assert.equal(b.lease.isLeader, true);
  });

  it("is not handed over by one whose work does not end; others wait for its end", async () => {
    const { store, time } = setUp();
    const a: Replica = new Replica("a", store, time, () => new Promise<void>(() => {})).start();
    await settled();
    const b = new Replica("b", store, time).start();
    await time.pass(10_000);
    a.stop.abort();
    await time.pass(6_000);
    await a.lease.stopped;
    assert.equal(holder(store), "a");
    assert.equal(b.lease.isLeader, false);
    await time.pass(14_000);
    assert.equal(b.lease.isLeader, true);
  });

  it("is taken over from one that died, after its length and not before", async () => {
    const { store, time } = setUp();
    const a = new Replica("a", store, time).start();
    await settled();
    const b = new Replica("b", store, time).start();
    await time.pass(20_000);
    a.link = "down";
    await time.pass(leaseSeconds * 1000 - 3_000);
    assert.equal(b.lease.isLeader, false);
    await time.pass(8_000);
    assert.equal(b.lease.isLeader, true);
    assert.deepEqual(a.told, ["gained", "lost"]);
  });

  it("ends for one that cannot renew it, before others can take it", async () => {
    const { store, time } = setUp();
    const a = new Replica("a", store, time).start();
    await time.pass(20_000);
    const renewedAt = time.monotonic();
    a.link = "down";
    await time.pass(renewMsMax);
    assert.equal(a.lease.isLeader, false);
    assert.deepEqual(a.told, ["gained", "lost"]);
    assert.ok(time.monotonic() - renewedAt < leaseSeconds * 1000);
    a.link = "up";
    await time.pass(3_000);
    assert.deepEqual(a.told, ["gained", "lost", "gained"]);
  });

  it("ends while a renewal hangs, and the late answer does not bring it back", async () => {
    const { store, time } = setUp();
    const a = new Replica("a", store, time).start();
    await time.pass(20_000);
    a.slowMs = 30_000;
    await time.pass(13_000);
    assert.equal(a.lease.isLeader, false);
    await time.pass(30_000);
    assert.equal(a.lease.isLeader, false);
  });

  it("ends as soon as somebody else is seen in it", async () => {
    const { store, time } = setUp();
    const a = new Replica("a", store, time).start();
    await time.pass(5_000);
    const body = { spec: { holderIdentity: "thief" } };
    store.call({ method: "PATCH", path, query: {}, body, contentType: "application/merge-patch+json" });
    await time.pass(2_500);
    assert.equal(a.lease.isLeader, false);
  });

  it("is not `isLeader` where timers did not run in time", async () => {
    const { store, time } = setUp();
    const a = new Replica("a", store, time).start();
    await time.pass(5_000);
    assert.equal(a.lease.isLeader, true);
    // The machine slept: the wall clock went on, nothing else did.
    a.skewMs += 60_000;
    assert.equal(a.lease.isLeader, false);
  });

  it("L07: does not look at the clocks of others", async () => {
    const { store, time } = setUp();
    const a = new Replica("a", store, time);
    a.skewMs = 3_600_000;
    a.start();
    await settled();
    const b = new Replica("b", store, time);
    b.skewMs = -3_600_000;
    b.start();
    await time.pass(600_000);
    assert.deepEqual([a.told, b.told], [["gained"], []]);
  });

  it("survives that its object is deleted", async () => {
    const { store, time } = setUp();
    const a = new Replica("a", store, time).start();
    await time.pass(5_000);
    store.call({ method: "DELETE", path, query: {}, body: undefined, contentType: "" });
    await time.pass(5_000);
    assert.equal(a.lease.isLeader, true);
    assert.deepEqual(a.told, ["gained"]);
    assert.equal(holder(store), "a");
  });

  it("is not held forever by a record that says so", async () => {
    const { store, time } = setUp();
    const spec = {
      holderIdentity: "ghost",
      leaseDurationSeconds: 999_999_999,
      renewTime: "2999-01-01T00:00:00.000000Z",
    };
    const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "picket-operator" }, spec };
    const list = path.slice(0, path.lastIndexOf("/"));
    store.call({ method: "POST", path: list, query: {}, body, contentType: "" });
    const a = new Replica("a", store, time).start();
    await time.pass(65_000);
    assert.equal(a.lease.isLeader, true);
  });

  it("is not taken again before what followed from leading has ended", async () => {
    const { store, time } = setUp();
    let end = (): void => {};
    const a = new Replica("a", store, time, () => new Promise<void>((resolve) => (end = resolve))).start();
    await time.pass(5_000);
    a.link = "down";
    await time.pass(15_000);
    a.link = "up";
    await time.pass(10_000);
    assert.deepEqual(a.told, ["gained", "lost"]);
    end();
    await time.pass(3_000);
    assert.deepEqual(a.told, ["gained", "lost", "gained"]);
  });

  it("L07: never has two leaders, whatever links and clocks do", async () => {
    const step = fc.record({
      replica: fc.nat(2),
      link: fc.constantFrom("up" as const, "up" as const, "down" as const, "lost" as const),
      slowMs: fc.constantFrom(0, 0, 500, 3_500, 9_000, 20_000),
      skewMs: fc.integer({ min: -100_000, max: 100_000 }),
      passMs: fc.integer({ min: 100, max: 12_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { store, time } = setUp();
        const replicas = ["a", "b", "c"].map((name) => new Replica(name, store, time).start());
        for (const { replica, link, slowMs, skewMs, passMs } of steps) {
          Object.assign(replicas[replica]!, { link, slowMs, skewMs });
          for (let left = passMs; left > 0; left -= 500) {
            await time.pass(Math.min(500, left));
            const leaders = replicas.filter(({ lease }) => lease.isLeader);
            assert.ok(leaders.length <= 1, "two leaders");
          }
        }
        for (const replica of replicas) Object.assign(replica, { link: "up", slowMs: 0 });
        await time.pass(40_000);
        assert.equal(replicas.filter(({ lease }) => lease.isLeader).length, 1, "no leader");
        for (const { told } of replicas) {
          for (const [i, what] of told.entries()) assert.equal(what, i % 2 === 0 ? "gained" : "lost");
        }
      }),
      { numRuns: 40 },
    );
  });
});
