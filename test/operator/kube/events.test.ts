import assert from "node:assert/strict";
import { createEvents, pendingMax, repeatMsMin, type Events } from "../../../operator/kube/events.ts";
import { FakeStore } from "../../fake-api/store.ts";
import { storeTransport, unreachable } from "../../fake-api/transport.ts";
import { FakeTime, settled } from "./fake-time.ts";
import { countedMetrics, silentLog } from "./parts.ts";

const policy = { apiVersion: "picket.dev/v1alpha1", kind: "ApiPolicy", namespace: "bank", name: "accounts", uid: "u1" };

interface Setup {
  readonly events: Events;
  readonly time: FakeTime;
  readonly store: FakeStore;
  readonly written: () => readonly Record<string, unknown>[];
  readonly value: (name: string, labels?: object) => Promise<number>;
}

function setUp(before: () => Promise<void> | void = () => {}): Setup {
  const time = new FakeTime();
  const store = new FakeStore(() => time.now());
  const { metrics, value } = countedMetrics();
  const events = createEvents({
    transport: storeTransport(store, { before }),
    component: "picket.dev/operator",
    instance: "picket-operator-0",
    metrics,
    clock: time,
    log: silentLog(time),
  });
  const written = () => [...store.all("/apis/events.k8s.io/v1/events").values()];
  return { events, time, store, written, value };
}

describe("events", () => {
  it("tell what happened to which object, and who says so", async () => {
    const { events, written } = setUp();
    events.emit(policy, "Warning", "Invalid", "rule health: path: unknown segment type");
    await events.flushed();
    const [event] = written();
    const { metadata, ...rest } = event!;
    assert.match(String((metadata as Record<string, unknown>).name), /^accounts\.[0-9a-f]+$/);
    assert.equal((metadata as Record<string, unknown>).namespace, "bank");
    assert.deepEqual(rest, {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      eventTime: "2023-11-14T22:13:20.000000Z",
      reportingController: "picket.dev/operator",
      reportingInstance: "picket-operator-0",
      action: "Invalid",
      reason: "Invalid",
      type: "Warning",
      note: "rule health: path: unknown segment type",
      regarding: policy,
    });
  });

  it("of objects of the cluster are written in `default`", async () => {
    const { events, written } = setUp();
    events.emit({ apiVersion: "v1", kind: "Namespace", name: "bank" }, "Normal", "Injected", "3 pods");
    await events.flushed();
    assert.equal((written()[0]!.metadata as Record<string, unknown>).namespace, "default");
  });

  it("of one reason are written once in five minutes, then as a repetition", async () => {
    const { events, time, written, value } = setUp();
    for (let i = 0; i < 10; i++) {
      events.emit(policy, "Warning", "Invalid", "same");
      await time.pass(1_000);
    }
    assert.equal(written().length, 1);
    assert.equal(written()[0]!.series, undefined);
    await time.pass(repeatMsMin);
    events.emit(policy, "Warning", "Invalid", "same");
    await events.flushed();
    assert.equal(written().length, 1);
    assert.equal((written()[0]!.series as Record<string, unknown>).count, 11);
    assert.equal(await value("picket_kube_events_total", { result: "repeated" }), 9);
  });

  it("that say something else after five minutes are new ones", async () => {
    const { events, time, written } = setUp();
    events.emit(policy, "Warning", "Invalid", "one");
    await time.pass(repeatMsMin);
    events.emit(policy, "Warning", "Invalid", "two");
    await events.flushed();
    assert.deepEqual(
      written().map(({ note }) => note),
      ["one", "two"],
    );
  });

  it("that the API server has forgotten are made anew", async () => {
    const { events, time, store, written } = setUp();
    events.emit(policy, "Warning", "Invalid", "one");
    await events.flushed();
    const [key] = store.all("/apis/events.k8s.io/v1/events").keys();
    const path = `/apis/events.k8s.io/v1/namespaces/bank/events/${key!.slice("bank/".length)}`;
    store.call({ method: "DELETE", path, query: {}, body: undefined, contentType: "" });
    await time.pass(repeatMsMin);
    events.emit(policy, "Warning", "Invalid", "one");
    await events.flushed();
    assert.equal(written().length, 1);
  });

  it("of other objects and reasons do not count as repetition", async () => {
    const { events, written } = setUp();
    events.emit(policy, "Warning", "Invalid", "x");
    events.emit(policy, "Warning", "Conflicted", "x");
    events.emit({ ...policy, name: "cards" }, "Warning", "Invalid", "x");
    events.emit({ ...policy, uid: "u2" }, "Warning", "Invalid", "x");
    await events.flushed();
    assert.equal(written().length, 4);
  });

  it("never throw, and come to an end, when nobody takes them", async () => {
    const { events, value } = setUp(() => {
      throw unreachable();
    });
    for (let i = 0; i < 20; i++) events.emit({ ...policy, name: `p${i}` }, "Warning", "Invalid", "x");
    await events.flushed();
    assert.equal(await value("picket_kube_events_total", { result: "failed" }), 20);
  });

  it("do not pile up behind an API server that does not answer", async () => {
    const { events, value } = setUp(() => new Promise<void>(() => {}));
    for (let i = 0; i < 5_000; i++) events.emit({ ...policy, name: `p${i}` }, "Warning", "Invalid", "x");
    await settled();
    assert.equal(await value("picket_kube_events_total", { result: "dropped" }), 5_000 - pendingMax - 1);
  });

  it("fit into what the API server takes, in whole characters", async () => {
    const { events, written } = setUp();
    events.emit(policy, "Warning", "R".repeat(300), "é".repeat(2_000));
    await events.flushed();
    const { note, reason } = written()[0]!;
    assert.ok(Buffer.byteLength(String(note)) <= 1_024);
    assert.match(String(note), /^é+…$/);
    assert.equal(String(reason).length, 128);
  });
});
