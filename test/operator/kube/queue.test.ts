import assert from "node:assert/strict";
import { KubeError } from "../../../operator/kube/error.ts";
import { createQueue, type Outcome, type Queue } from "../../../operator/kube/queue.ts";
import { FakeTime, settled } from "./fake-time.ts";
import { countedMetrics, silentLog } from "./parts.ts";

const done: Outcome = { kind: "done" };

interface Setup {
  readonly queue: Queue<string>;
  readonly time: FakeTime;
  readonly stop: AbortController;
  readonly value: (name: string, labels?: object) => Promise<number>;
}

function setUp(work: (key: string, time: FakeTime) => Promise<Outcome>, workersMax = 1): Setup {
  const time = new FakeTime();
  const { metrics, value } = countedMetrics();
  const log = silentLog(time);
  const queue = createQueue<string>({
    controller: "test",
    work: (key) => work(key, time),
    workersMax,
    metrics,
    clock: time,
    timers: time,
    log,
  });
  return { queue, time, stop: new AbortController(), value };
}

/** Work that ends when the test says so. */
function held(): { work: (key: string) => Promise<Outcome>; begun: string[]; end: (key: string) => void } {
  const begun: string[] = [];
  const open = new Map<string, () => void>();
  return {
    begun,
    work: (key) => {
      begun.push(key);
      return new Promise((resolve) => open.set(key, () => resolve(done)));
    },
    end: (key) => open.get(key)?.(),
  };
}

describe("a work queue", () => {
  it("works on nothing before it is started, and on a key once however often it was added", async () => {
    const seen: string[] = [];
    const { queue, stop } = setUp(async (key) => {
      seen.push(key);
      return done;
    });
    for (const key of ["a", "b", "a", "a", "b"]) queue.add(key);
    await settled();
    assert.deepEqual(seen, []);
    queue.start(stop.signal);
    await settled();
    assert.deepEqual(seen, ["a", "b"]);
  });

  it("never works on one key twice at a time, and once more when it was added meanwhile", async () => {
    const { work, begun, end } = held();
    const { queue, stop } = setUp(work, 4);
    queue.start(stop.signal);
    queue.add("a");
    queue.add("b");
    queue.add("a");
    queue.add("a");
    await settled();
    assert.deepEqual(begun, ["a", "b"]);
    end("a");
    await settled();
    assert.deepEqual(begun, ["a", "b", "a"]);
    end("a");
    await settled();
    assert.deepEqual(begun, ["a", "b", "a"]);
  });

  it("has no more workers than it may", async () => {
    const { work, begun, end } = held();
    const { queue, stop, value } = setUp(work, 2);
    queue.start(stop.signal);
    for (const key of ["a", "b", "c"]) queue.add(key);
    await settled();
    assert.deepEqual(begun, ["a", "b"]);
    assert.equal(await value("picket_workqueue_depth"), 1);
    end("b");
    await settled();
    assert.deepEqual(begun, ["a", "b", "c"]);
  });

  it("lets edits of users go first, yet never forever", async () => {
    const seen: string[] = [];
    const { queue, stop } = setUp(async (key) => {
      seen.push(key);
      return done;
    });
    for (let i = 0; i < 3; i++) queue.add(`low-${i}`, "low");
    for (let i = 0; i < 25; i++) queue.add(`high-${i}`);
    queue.start(stop.signal);
    await settled();
    assert.equal(seen.indexOf("low-0"), 10);
    assert.equal(seen.indexOf("low-1"), 21);
    assert.equal(seen.length, 28);
  });

  it("moves a waiting key ahead when a user edits it", async () => {
    const seen: string[] = [];
    const { queue, stop } = setUp(async (key) => {
      seen.push(key);
      return done;
    });
    for (const key of ["a", "b", "c"]) queue.add(key, "low");
    queue.add("c", "high");
    queue.add("c", "low");
    queue.start(stop.signal);
    await settled();
    assert.deepEqual(seen, ["c", "a", "b"]);
  });

  it("tries again after an error, each time later, and not later than a minute", async () => {
    const at: number[] = [];
    const { queue, time, stop, value } = setUp(async (_key, clock) => {
      at.push(clock.monotonic());
      throw new Error("not yet");
    });
    queue.start(stop.signal);
    queue.add("a");
    await time.pass(600_000);
    const gaps = at.slice(1).map((ms, i) => ms - at[i]!);
    assert.deepEqual(gaps.slice(0, 5), [5, 10, 20, 40, 80]);
    assert.equal(Math.max(...gaps), 60_000);
    assert.equal(await value("picket_workqueue_retries_total"), at.length);
  });

  it("forgets failures with the first success", async () => {
    const at: number[] = [];
    const { queue, time, stop } = setUp(async (_key, clock) => {
      at.push(clock.monotonic());
      if (at.length === 4) return done;
      throw new Error("not yet");
    });
    queue.start(stop.signal);
    queue.add("a");
    await time.pass(1_000);
    assert.deepEqual(at, [0, 5, 15, 35]);
    queue.add("a");
    await time.pass(6);
    assert.deepEqual(at.slice(4), [1_000, 1_005]);
  });

  it("waits as long as the API server asks", async () => {
    const at: number[] = [];
    const { queue, time, stop } = setUp(async (_key, clock) => {
      at.push(clock.monotonic());
      if (at.length > 1) return done;
      throw new KubeError({ code: "throttled", status: 429, reason: "", message: "", retryAfterMs: 7_000 });
    });
    queue.start(stop.signal);
    queue.add("a");
    await time.pass(20_000);
    assert.deepEqual(at, [0, 7_000]);
  });

  it("comes back after a wait that is no error", async () => {
    const at: number[] = [];
    const { queue, time, stop, value } = setUp(async (_key, clock) => {
      at.push(clock.monotonic());
      return at.length < 3 ? { kind: "waiting", afterMs: 1_000 } : { kind: "stalled" };
    });
    queue.start(stop.signal);
    queue.add("a");
    await time.pass(60_000);
    assert.deepEqual(at, [0, 1_000, 2_000]);
    assert.equal(await value("picket_workqueue_retries_total"), 0);
    assert.equal(time.waiting, 0);
  });

  it("keeps the sooner of two plans for a key", async () => {
    const at: number[] = [];
    const { queue, time, stop } = setUp(async (_key, clock) => {
      at.push(clock.monotonic());
      return done;
    });
    queue.start(stop.signal);
    queue.after("a", 5_000);
    queue.after("a", 1_000);
    queue.after("a", 9_000);
    await time.pass(60_000);
    assert.deepEqual(at, [1_000]);
  });

  it("retries many failing keys at a bounded rate", async () => {
    let tries = 0;
    const { queue, time, stop } = setUp(async () => {
      tries++;
      throw new Error("down");
    }, 8);
    queue.start(stop.signal);
    for (let i = 0; i < 1_000; i++) queue.add(`key-${i}`);
    await time.pass(30_000);
    // Each key once at first; then the burst, and ten a second.
    assert.ok(tries > 1_200 && tries <= 1_000 + 100 + 300 + 1, String(tries));
  });

  it("stops with its signal: nothing new begins, and `stopped` waits for what runs", async () => {
    const { work, begun, end } = held();
    const { queue, time, stop } = setUp(work);
    queue.start(stop.signal);
    queue.add("a");
    queue.add("b");
    queue.after("c", 10);
    await settled();
    stop.abort();
    let isStopped = false;
    void queue.stopped.then(() => (isStopped = true));
    queue.add("d");
    await time.pass(1_000);
    assert.equal(isStopped, false);
    end("a");
    await settled();
    assert.equal(isStopped, true);
    assert.deepEqual(begun, ["a"]);
    assert.equal(time.waiting, 0);
  });

  it("tells how old the oldest work is", async () => {
    const { work, end } = held();
    const { queue, time, stop, value } = setUp(work, 2);
    queue.start(stop.signal);
    queue.add("a");
    await time.pass(5_000);
    queue.add("b");
    await time.pass(1_000);
    assert.equal(await value("picket_workqueue_longest_running_seconds"), 6);
    end("a");
    await settled();
    assert.equal(await value("picket_workqueue_longest_running_seconds"), 1);
  });
});
