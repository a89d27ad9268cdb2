import assert from "node:assert/strict";
import { createReflector, type Reflector } from "../../../operator/kube/reflector.ts";
import { createTransport, lineBytesMax, type KubeTransport } from "../../../operator/kube/transport.ts";
import { systemClock } from "../../../platform/clock.ts";
import { cut, drip, hang, refuse, reset, say, slow, stall, type Fault } from "../../fake-api/faults.ts";
import type { Json } from "../../fake-api/json.ts";
import { FakeApi } from "../../fake-api/server.ts";
import { fastTime } from "./fast-time.ts";
import { countedMetrics, silentLog } from "./parts.ts";

const list = "/apis/picket.dev/v1alpha1/namespaces/bank/apipolicies";
const all = "/apis/picket.dev/v1alpha1/apipolicies";
const speed = 50;
/** Longest silence of a watch here, in milliseconds of ours. */
const silenceMs = 150;

/** A client of a server that fails on the wire. */
class Scene {
  readonly api: FakeApi;
  readonly counted = countedMetrics();
  readonly stop = new AbortController();
  readonly #transport: KubeTransport;
  readonly reflector: Reflector<string>;
  #changed: () => void = () => {};

  private constructor(api: FakeApi, transport: KubeTransport, isImpatient: boolean) {
    this.api = api;
    this.#transport = transport;
    const time = fastTime(speed);
    this.reflector = createReflector<string>({
      transport,
      resource: "apipolicies",
      path: all,
      transform: ({ spec }) => JSON.stringify(spec),
      changed: () => this.#changed(),
      metrics: this.counted.metrics,
      clock: time,
      timers: time,
      random: Math.random,
      log: silentLog(time),
      ...(isImpatient ? { silenceMs } : {}),
    });
  }

  /** `isImpatient`: silence is found soon, which would mend other faults too. */
  static async start(isImpatient: boolean): Promise<Scene> {
    const api = await FakeApi.start();
    const { kubeconfig } = api;
    const transport = await createTransport({ kubeconfig, log: silentLog(systemClock), clock: systemClock });
    const scene = new Scene(api, transport, isImpatient);
    for (const name of ["a", "b", "c"]) scene.write(name, 1);
    scene.reflector.start(scene.stop.signal);
    await scene.reflector.synced;
    await scene.watching();
    return scene;
  }

  async end(): Promise<void> {
    this.stop.abort();
    this.#transport.close();
    await this.api.stop();
  }

  write(name: string, x: number | string): void {
    const body = {
      apiVersion: "picket.dev/v1alpha1",
      kind: "ApiPolicy",
      metadata: { name, namespace: "bank" },
      spec: { x },
    };
    const query = { fieldManager: "user", force: "true" };
    this.#call("PATCH", name, query, body);
  }

  delete(name: string): void {
    this.#call("DELETE", name, {}, undefined);
  }

  #call(method: string, name: string, query: Record<string, string>, body: Json | undefined): void {
    const contentType = "application/apply-patch+yaml";
    const { status } = this.api.store.call({ method, path: `${list}/${name}`, query, body, contentType });
    assert.ok(status < 300);
  }

  /** What the client would have to know. */
  truth(): Record<string, string> {
    return Object.fromEntries([...this.api.store.all(all)].map(([key, { spec }]) => [key, JSON.stringify(spec)]));
  }

  knows(): boolean {
    return JSON.stringify(sorted(this.truth())) === JSON.stringify(sorted(Object.fromEntries(this.reflector.items())));
  }

  /** Resolves when the client knows what there is; mocha ends it else. */
  async converged(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#changed = () => {
        if (this.knows()) resolve();
      };
      this.#changed();
    });
  }

  /** Resolves when a watch is open. */
  async watching(): Promise<void> {
    await until(() => this.api.watches.length > 0);
  }

  lists(): Promise<number> {
    return this.counted.value("picket_kube_lists_total");
  }
}

const sorted = (record: Record<string, string>) => Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
}

interface Row {
  readonly id: string;
  /** What goes wrong, in the words of a title. */
  readonly when: string;
  readonly fault: Fault;
  readonly verb?: "GET" | "WATCH";
  /** How often; forever, until it is taken back, when absent. */
  readonly times?: number;
  /** Why the list has to be read again. */
  readonly cause?: "expired" | "malformed" | "idle" | "empty" | "failing";
  /** Counted as a line that could not be read. */
  readonly malformed?: true;
}

const halfLine = '{"type":"MODIFIED","object":{"apiVersion":"picket.dev/v1al';
const status410 = JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } });
const status500 = JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 500, reason: "InternalError" } });

const rows: readonly Row[] = [
  { id: "L02", when: "a watch is refused with 410", fault: refuse(410, "Expired"), times: 1, cause: "expired" },
  { id: "L02", when: "a watch says 410 in its stream", fault: say(`${status410}\n`), times: 1, cause: "expired" },
  { id: "L02", when: "every watch is 200 with an empty body, for a while", fault: say(""), cause: "empty" },
  { id: "L04", when: "a watch is open and silent from its beginning", fault: stall(), times: 1, cause: "idle" },
  { id: "L04", when: "every watch is open and silent, for a while", fault: stall(), cause: "idle" },
  {
    id: "L05",
    when: "a watch ends inside a line",
    fault: say(halfLine),
    times: 1,
    cause: "malformed",
    malformed: true,
  },
  { id: "L05", when: "a line is no JSON", fault: say("<html>\n"), times: 1, cause: "malformed", malformed: true },
  {
    id: "L05",
    when: "a line is longer than any object may be",
    fault: say(Buffer.alloc(lineBytesMax + 1, "x")),
    times: 1,
    cause: "malformed",
    malformed: true,
  },
  {
    id: "L05",
    when: "a line is not UTF-8",
    fault: say(Buffer.from([0xc3, 0x28, 0x0a])),
    times: 1,
    cause: "malformed",
    malformed: true,
  },
  { id: "L05", when: "a list is no JSON", fault: say("<html>"), verb: "GET", times: 2 },
  {
    id: "L05",
    when: "a list is cut in the middle",
    fault: cut('{"metadata":{"resourceVersion":"1"},"items":['),
    verb: "GET",
    times: 2,
  },
  { id: "L05", when: "a list has no version", fault: say('{"metadata":{},"items":[]}'), verb: "GET", times: 2 },
  { id: "L05", when: "a list is an object of another kind", fault: say('{"kind":"Status"}'), verb: "GET", times: 2 },
  { id: "L06", when: "watches are forbidden", fault: refuse(403, "Forbidden"), cause: "failing" },
  { id: "L06", when: "watches are unauthorized", fault: refuse(401, "Unauthorized"), cause: "failing" },
  { id: "L06", when: "watches are reset", fault: reset, cause: "failing" },
  { id: "L06", when: "a watch is cut inside a line", fault: cut(halfLine), times: 3 },
  { id: "L06", when: "lists are forbidden", fault: refuse(403, "Forbidden"), verb: "GET", times: 6 },
  { id: "L06", when: "lists are reset", fault: reset, verb: "GET", times: 6 },
  { id: "L06", when: "lists answer 500", fault: refuse(500), verb: "GET", times: 6 },
  { id: "L06", when: "a watch is answered late", fault: slow(100), times: 1 },
  { id: "L17", when: "watches are throttled", fault: refuse(429, "TooManyRequests"), times: 2 },
  {
    id: "L17",
    when: "lists are throttled and a second is asked for",
    fault: refuse(429, "", 1),
    verb: "GET",
    times: 1,
  },
  { id: "L17", when: "watches say 500 in their stream", fault: say(`${status500}\n`), cause: "failing" },
];

describe("the client of an API server that fails on the wire", () => {
  let scene: Scene;
  beforeEach(async function () {
    scene = await Scene.start(this.currentTest?.title.startsWith("L04") ?? false);
  });
  afterEach(() => scene.end());

  for (const { id, when, fault, verb = "WATCH", times, cause, malformed } of rows) {
    it(`${id}: misses no change and no deletion when ${when}`, async () => {
      const { api, counted } = scene;
      const planned = api.plan({ verb, ...(times === undefined ? {} : { times }) }, fault);
      const listsBefore = await scene.lists();
      // A list has to be read for its faults to be met.
      if (verb === "GET") api.watches[0]!.error(410, "Expired");
      else api.watches[0]!.reset();
      scene.delete("a");
      scene.write("b", 2);
      scene.write("d", 1);
      await until(() => (times === undefined ? planned.met >= 3 : planned.left === 0));
      if (cause !== undefined) {
        await until(() => api.requests.filter((request) => request.verb === "GET").length > listsBefore);
        assert.ok((await counted.value("picket_kube_lists_total", { cause })) > 0);
      }
      planned.left = 0;
      await scene.converged();
      assert.deepEqual(Object.keys(sortedItems(scene)), ["bank/b", "bank/c", "bank/d"]);
      assert.equal((await counted.value("picket_kube_malformed_lines_total")) > 0, malformed === true);
      scene.write("c", 3);
      await scene.converged();
    });
  }

  const sortedItems = ({ reflector }: Scene): Record<string, string> =>
    Object.fromEntries([...reflector.items()].toSorted(([a], [b]) => (a < b ? -1 : 1)));

  it("L01: knows everything again after the server was away, deletions of that time among it", async () => {
    const { api } = scene;
    await api.crash();
    scene.delete("a");
    scene.write("b", 2);
    api.store.compact();
    await until(() => scene.reflector.contactAgeMs() > 60_000);
    assert.equal(scene.reflector.items().size, 3);
    await api.listen();
    await scene.converged();
    assert.equal(scene.reflector.items().size, 2);
  });

  it("L03: reads the list again when the history was compacted between list and watch", async () => {
    const { api } = scene;
    let compactions = 0;
    api.plan({ verb: "WATCH", times: 1 }, () => {
      scene.delete("a");
      api.store.compact();
      compactions++;
      return "pass";
    });
    api.watches[0]!.error(410, "Expired");
    await until(() => compactions === 1);
    await scene.converged();
    assert.equal(scene.reflector.items().size, 2);
  });

  it("L05: takes a line of eight megabytes, however it was cut", async () => {
    const { api } = scene;
    scene.write("large", "x".repeat(8 << 20));
    await scene.converged();
    const [, object] = [...api.store.all(all)].find(([key]) => key === "bank/b")!;
    const changed = { ...object, spec: { x: "ü" } };
    const line = Buffer.from(
      `${JSON.stringify({ type: "MODIFIED", object: { ...changed, metadata: { ...(object.metadata as object), resourceVersion: "other" } } })}\n`,
    );
    api.plan({ verb: "WATCH", times: 1 }, drip(line, 1));
    api.watches[0]!.reset();
    await until(() => scene.reflector.items().get("bank/b") === '{"x":"ü"}');
    assert.equal(await scene.counted.value("picket_kube_malformed_lines_total"), 0);
  });

  it("L06: is stopped at once by its signal, whatever it waits for", async () => {
    const { api } = scene;
    api.plan({}, hang);
    api.watches[0]!.reset();
    await until(() => api.requests.length > 2);
    scene.stop.abort();
    const before = api.requests.length;
    await new Promise<void>((resolve) => setImmediate(resolve));
    assert.equal(api.requests.length, before);
  });

  it("L17: stays with the server, and asks at most five times a second, where every tenth request fails at random", async () => {
    const { api } = scene;
    let seed = 7;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const faults = [refuse(500), refuse(503), refuse(429, ""), reset, say(""), say("x\n"), say(`${status410}\n`)];
    for (const fault of faults) api.plan({ when: () => random() < 0.1 / faults.length }, fault);
    for (let i = 0; i < 60; i++) {
      scene.write(`p${i % 7}`, i);
      if (i % 5 === 4) scene.delete(`p${i % 7}`);
      await scene.watching();
      api.watches[0]?.[i % 3 === 0 ? "reset" : "end"]();
      if (i % 10 === 9) await scene.converged();
    }
    await scene.converged();
    const times = api.requests.map(({ atMs }) => atMs * speed);
    const [first = 0] = times;
    const seconds = (times.at(-1)! - first) / 1_000;
    assert.ok(times.length / seconds <= 5, `${times.length} requests in ${seconds} seconds`);
  });
});
