import assert from "node:assert/strict";
import type { CanaryAnswer } from "../../../operator/canary/answer.ts";
import { leakConfirmMs } from "../../../operator/canary/canaries.ts";
import type { KeySource } from "../../../operator/keys/key-fetcher.ts";
import { createOperatorMetrics } from "../../../operator/metrics.ts";
import { readText } from "../../../operator/provider/read.ts";
import { emptyMemory, parseMemory, printMemory, type Memory } from "../../../operator/reconcile/accepted.ts";
import { problemEventsMax, type OperatorEvent } from "../../../operator/reconcile/event.ts";
import { objectsMax } from "../../../operator/reconcile/excess.ts";
import { Reconciler } from "../../../operator/reconcile/reconciler.ts";
import { StatusStore } from "../../../operator/status/status-store.ts";
import type { PublishedResource } from "../../../operator/xds/resource-set.ts";
import { routeType } from "../../../operator/xds/type-urls.ts";
import { systemClock } from "../../../platform/clock.ts";
import { Registry } from "../../../platform/metrics.ts";
import { silentLog } from "../../contract/ads-range.ts";
import { fetchedIdentity, identity, keysUri, policy, snapshotOf, translator, workload } from "./source.ts";

describe("reconciler", () => {
  let published: Map<string, readonly PublishedResource[]>;
  let publications: number;
  let events: OperatorEvent[];
  let saved: string;
  let answer: (revision: string) => CanaryAnswer | undefined;
  let registry: Registry;
  let reconciler: Reconciler;

  let keys: KeySource | undefined;

  const create = (memory: Memory = emptyMemory): Reconciler =>
    (reconciler = new Reconciler({
      ads: {
        publish: (group, resources) => {
          published.set(group, resources);
          publications++;
        },
        published: () => [...published.keys()],
        retire: () => true,
        // Every client is up to date at once.
        count: () => ({ current: 1, total: 1, rejected: 0, message: "" }),
      },
      keys,
      translator,
      read: readText,
      status: new StatusStore({ folder: undefined, clock: systemClock, log: silentLog }),
      probe: ({ revision }) => Promise.resolve(answer(revision)),
      memory,
      save: (memory) => (saved = printMemory(memory)),
      emit: (event) => events.push(event),
      metrics: createOperatorMetrics((registry = new Registry())),
      clock: systemClock,
      log: silentLog,
    }));

  beforeEach(() => {
    published = new Map();
    publications = 0;
    events = [];
    saved = "";
    answer = () => "proven";
    keys = undefined;
  });
  afterEach(() => reconciler.stop());

  const files = { "w.yaml": workload("a"), "a.yaml": policy("a") };
  const routes = (): string | undefined =>
    published.get("proxy")?.find(({ typeUrl }) => typeUrl === routeType)?.version;

  it("is ready only once every enforced workload is proven", async () => {
    create();
    assert.equal(reconciler.readiness().ready, false);
    answer = () => undefined;
    reconciler.take(snapshotOf(files));
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.match(reconciler.readiness().reason, /no request has shown yet/);
    answer = () => "proven";
    await until(() => reconciler.readiness().ready);
    assert.deepEqual(
      events.map(({ event }) => event),
      ["not-ready", "applied", "ready"],
    );
  });

  it("waits at its start for keys that are being fetched, and takes them over when they come and change", async () => {
    const held = new Map<string, { jwks: string; fetchedMs: number }>();
    let isSettled = false;
    const followed: string[][] = [];
    keys = {
      follow: (issuers) => followed.push(issuers.map(({ uri }) => uri)),
      keys: () => held,
      faults: () => new Map(),
      get isSettled() {
        return isSettled;
      },
    };
    const withKeys = {
      "w.yaml": workload("a"),
      "a.yaml": policy("a", "  identityRefs: [{ name: id }]\n"),
      "id.yaml": fetchedIdentity("id"),
    };
    create().take(snapshotOf(withKeys));
    assert.deepEqual([followed, publications], [[[keysUri]], 0]);
    assert.equal(reconciler.readiness().ready, false);
    isSettled = true;
    held.set(keysUri, { jwks: /inline: '(.*)'/.exec(identity("id"))?.[1] ?? "", fetchedMs: Date.now() });
    reconciler.keysChanged();
    await until(() => publications > 0);
    const text = (): string => (published.get("proxy") ?? []).map(({ bytes }) => Buffer.from(bytes).toString()).join();
    assert.match(text(), /xizmJExnfUTytiYm/);
    held.clear();
    isSettled = false;
    reconciler.keysChanged();
    await until(() => !text().includes("xizmJExnfUTytiYm"));
  });

  it("publishes nothing for equal content", () => {
    create().take(snapshotOf(files));
    const before = publications;
    reconciler.take(snapshotOf({ "w.yaml": `# a comment\n${files["w.yaml"]}`, "b.yaml": files["a.yaml"] }));
    assert.equal(publications, before);
  });

  it("closes a workload whose application answers, keeps it closed, and reopens it with a changed generation", async () => {
    create();
    answer = () => "leaked";
    reconciler.take(snapshotOf(files));
    const open = routes();
    await until(() => events.some(({ event }) => event === "closed"), leakConfirmMs + 2_000);
    const closed = routes();
    assert.notEqual(closed, open);
    assert.match(await registry.metrics(), /^picket_canary_failures_total 1$/m);
    assert.match(await registry.metrics(), /^picket_workloads_closed\{reason="canary-failed"\} 1$/m);
    assert.equal(reconciler.readiness().ready, false);
    answer = () => "proven";
    reconciler.take(snapshotOf({ ...files, "more.yaml": policy("elsewhere", "", "other") }));
    assert.equal(routes(), closed, "another object's change does not open it");
    reconciler.take(snapshotOf({ ...files, "a.yaml": policy("a").replace("/healthz", "/other") }));
    await until(() => reconciler.readiness().ready);
    assert.notEqual(routes(), closed);
  });

  it("tells loudly when a workload is judged less strictly, and when it has no policy", () => {
    create().take(snapshotOf({ ...files, "b.yaml": workload("b", 8081) }));
    const loud = (): readonly unknown[] =>
      events
        .splice(0)
        .flatMap((one) => (one.event === "loosened" || one.event === "unprotected" ? [[one.event, one.message]] : []));
    const unprotected = "has no policy: every request passes unjudged";
    assert.deepEqual(loud(), [["unprotected", `shop/b ${unprotected}`]]);
    reconciler.take(snapshotOf({ ...files, "a.yaml": policy("a").replace("mode: Enforce", "mode: Shadow") }));
    assert.deepEqual(loud(), [["loosened", "shop/a is only shadowed now: nothing is refused"]]);
    reconciler.take(snapshotOf({ "w.yaml": files["w.yaml"] }));
    assert.deepEqual(loud(), [
      ["loosened", "shop/a is only observed now: nothing is judged"],
      ["unprotected", `shop/a ${unprotected}`],
    ]);
  });

  it("is not ready and names the policy while a changed one names a target that is not there", async () => {
    create().take(snapshotOf(files));
    await until(() => reconciler.readiness().ready);
    const before = routes();
    reconciler.take(snapshotOf({ ...files, "a.yaml": policy("a").replace("name: a }]", "name: aa }]") }));
    assert.equal(routes(), before);
    assert.deepEqual(reconciler.readiness(), {
      ready: false,
      reason: "ApiPolicy shop/a: there is no workload aa in the namespace shop",
    });
    assert.ok(events.some((one) => one.event === "problem" && one.problem.fix === "did you mean a?"));
  });

  it("remembers what was good before it publishes, for the next start", () => {
    create().take(snapshotOf(files));
    reconciler.stop();
    const memory = parseMemory(saved);
    assert.ok(memory);
    const before = routes();
    const bad = policy("a").replace("mode: Enforce", "mode: Enforced");
    create(memory).take(snapshotOf({ ...files, "a.yaml": bad }));
    assert.equal(routes(), before);
    assert.ok(events.some(({ event }) => event === "problem"));
  });

  it("closes again a workload that comes back and still leaks, and keeps no leak of one that is gone", async () => {
    create();
    answer = () => "leaked";
    const closings = (): number => events.filter(({ event }) => event === "closed").length;
    reconciler.take(snapshotOf(files));
    const open = routes();
    await until(() => closings() === 1, leakConfirmMs + 2_000);
    const closed = routes();
    reconciler.take(snapshotOf({ "a.yaml": files["a.yaml"] }));
    reconciler.take(snapshotOf(files));
    assert.equal(routes(), open, "the leak of the one that is gone was kept");
    assert.equal(closings(), 1);
    await until(() => closings() === 2, leakConfirmMs + 2_000);
    assert.equal(routes(), closed);
    assert.match(await registry.metrics(), /^picket_canary_failures_total 2$/m);
  });

  it("tells so many problems in one go and counts the others", async () => {
    const bad = policy("a").replace("mode: Enforce", "mode: Enforced");
    const texts = Object.fromEntries(Array.from({ length: problemEventsMax + 10 }, (_, i) => [`${i}.yaml`, bad]));
    create().take(snapshotOf(texts));
    const told = (): number => events.filter(({ event }) => event === "problem").length;
    assert.equal(told(), problemEventsMax);
    assert.match(await registry.metrics(), new RegExp(`^picket_object_problems ${problemEventsMax + 10}$`, "m"));
    delete texts["0.yaml"];
    reconciler.take(snapshotOf(texts));
    assert.equal(told(), 2 * problemEventsMax);
  });

  it("takes over nothing of a source with more objects than fit, says so, and goes on when it fits again", () => {
    create().take(snapshotOf(files));
    const before = routes();
    const [text] = snapshotOf({ "many.yaml": policy("b") }).texts;
    const [object] = text!.objects;
    const objects = Array.from({ length: objectsMax }, (_, i) => ({
      ...object!,
      id: { ...object!.id, name: `b${i}` },
    }));
    reconciler.take({
      texts: [
        ...snapshotOf({ ...files, "a.yaml": policy("a").replace("/healthz", "/other") }).texts,
        { ...text!, objects },
      ],
    });
    assert.equal(routes(), before);
    assert.match(reconciler.readiness().reason, /10002 objects/);
    assert.equal(events.filter(({ event }) => event === "source-unreadable").length, 1);
    reconciler.take(snapshotOf(files));
    assert.doesNotMatch(reconciler.readiness().reason, /objects/);
  });

  it("keeps what is in force while the source cannot be read, and says so", () => {
    create().take(snapshotOf(files));
    const before = routes();
    reconciler.sourceUnreadable("the folder is gone");
    assert.equal(routes(), before);
    assert.deepEqual(reconciler.readiness(), { ready: false, reason: "the folder is gone" });
    reconciler.sourceUnreadable(undefined);
    assert.notEqual(reconciler.readiness().reason, "the folder is gone");
  });
});

async function until(done: () => boolean, waitMs = 3_000): Promise<void> {
  const end = Date.now() + waitMs;
  while (!done()) {
    if (Date.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
