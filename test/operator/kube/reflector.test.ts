import assert from "node:assert/strict";
import { KubeError, statusError } from "../../../operator/kube/error.ts";
import { isRecord, type KubeObject } from "../../../operator/kube/object.ts";
import { createReflector, type Reflector } from "../../../operator/kube/reflector.ts";
import type { KubeRequest } from "../../../operator/kube/transport.ts";
import { FakeStore } from "../../fake-api/store.ts";
import { storeTransport, unreachable } from "../../fake-api/transport.ts";
import type { WatchFeed } from "../../fake-api/watch-feed.ts";
import { FakeTime, settled } from "./fake-time.ts";
import { countedMetrics, silentLog } from "./parts.ts";

const path = "/apis/picket.dev/v1alpha1/apipolicies";

/** A reflector over a store, in a time of its own. */
class Scene {
  readonly time = new FakeTime();
  readonly store = new FakeStore(() => this.time.now());
  readonly stop = new AbortController();
  readonly requests: { readonly request: KubeRequest; readonly atMs: number }[] = [];
  readonly counted = countedMetrics();
  readonly reflector: Reflector<unknown>;
  feed: WatchFeed | undefined;
  changes = 0;
  /** Throws what the next requests meet. */
  fault: ((request: KubeRequest) => void) | undefined;
  transform: (object: KubeObject) => unknown = ({ spec }) => spec;

  constructor(options: { random?: () => number; query?: Record<string, string> } = {}) {
    this.reflector = createReflector<unknown>({
      transport: storeTransport(
        this.store,
        {
          before: (request) => {
            this.requests.push({ request, atMs: this.time.monotonic() });
            this.fault?.(request);
          },
          watching: (feed) => (this.feed = feed),
        },
        this.time,
      ),
      resource: "apipolicies",
      path,
      query: options.query ?? {},
      transform: (object) => this.transform(object),
      changed: () => this.changes++,
      metrics: this.counted.metrics,
      clock: this.time,
      timers: this.time,
      random: options.random ?? (() => 0.5),
      log: silentLog(this.time),
    });
  }

  async start(): Promise<this> {
    this.reflector.start(this.stop.signal);
    await settled();
    return this;
  }

  write(name: string, spec: Record<string, number>): void {
    const body = { apiVersion: "picket.dev/v1alpha1", kind: "ApiPolicy", metadata: { name, namespace: "bank" }, spec };
    const query = { fieldManager: "user", force: "true" };
    this.#call("PATCH", name, body, query);
  }

  delete(name: string): void {
    this.#call("DELETE", name, undefined, {});
  }

  #call(method: string, name: string, body: object | undefined, query: Record<string, string>): void {
    const own = `/apis/picket.dev/v1alpha1/namespaces/bank/apipolicies/${name}`;
    const contentType = "application/apply-patch+yaml";
    const { status } = this.store.call({ method, path: own, query, body: body as never, contentType });
    assert.ok(status < 300, String(status));
  }

  lists(): KubeRequest[] {
    return this.requests.map(({ request }) => request).filter(({ query }) => query?.watch === undefined);
  }

  watches(): KubeRequest[] {
    return this.requests.map(({ request }) => request).filter(({ query }) => query?.watch === "true");
  }

  /** What it knows is what there is. */
  assertSame(): void {
    const held = [...this.store.all(path)].map(([key, { spec }]) => [key, spec]);
    assert.deepEqual(Object.fromEntries(this.reflector.items()), Object.fromEntries(held));
  }
}

const isWatch = ({ query }: KubeRequest): boolean => query?.watch === "true";
const expired = (): never => {
  throw statusError("watch", 410, { reason: "Expired" });
};

describe("a reflector", () => {
  it("lists, then watches from there with bookmarks, for a random time between 35 and 45 seconds", async () => {
    const lengths = new Set<string>();
    for (const random of [0, 0.3, 0.999]) {
      const scene = new Scene({ random: () => random, query: { labelSelector: "a=b" } });
      await scene.start();
      const [list, watch] = scene.requests.map(({ request }) => request);
      assert.deepEqual(list!.query, { labelSelector: "a=b", limit: "500" });
      const { timeoutSeconds = "", ...query } = watch!.query!;
      const resourceVersion = String(scene.store.version);
      assert.deepEqual(query, { labelSelector: "a=b", watch: "true", allowWatchBookmarks: "true", resourceVersion });
      lengths.add(timeoutSeconds);
      scene.stop.abort();
    }
    assert.deepEqual([...lengths], ["35", "38", "45"]);
  });

  it("is synced after the first list, and tells of it even where nothing is", async () => {
    const scene = new Scene();
    assert.equal(scene.reflector.isSynced, false);
    await scene.start();
    await scene.reflector.synced;
    assert.equal(scene.reflector.isSynced, true);
    assert.equal(scene.changes, 1);
  });

  it("is not synced while the list fails, and goes on trying", async () => {
    const scene = new Scene();
    scene.fault = () => {
      throw statusError("list", 403, { reason: "Forbidden" });
    };
    await scene.start();
    await scene.time.pass(300_000);
    assert.equal(scene.reflector.isSynced, false);
    scene.fault = undefined;
    await scene.time.pass(30_000);
    assert.equal(scene.reflector.isSynced, true);
  });

  it("follows creation, change and deletion", async () => {
    const scene = await new Scene().start();
    scene.write("a", { x: 1 });
    scene.write("b", { x: 1 });
    await settled();
    scene.assertSame();
    scene.write("a", { x: 2 });
    scene.delete("b");
    await settled();
    scene.assertSame();
    assert.equal(scene.lists().length, 1);
  });

  it("tells once of what arrived together", async () => {
    const scene = await new Scene().start();
    scene.changes = 0;
    for (let i = 0; i < 100; i++) scene.write(`p${i}`, { x: i });
    await settled();
    assert.equal(scene.changes, 1);
    scene.assertSame();
  });

  it("goes on where a watch ended, at once and without a list", async () => {
    const scene = await new Scene().start();
    scene.write("a", { x: 1 });
    await scene.time.pass(500_000);
    scene.write("b", { x: 1 });
    await scene.time.pass(60_000);
    scene.assertSame();
    assert.equal(scene.lists().length, 1);
    assert.ok(scene.watches().length > 12 && scene.watches().length < 17);
    assert.equal(
      await scene.counted.value("picket_kube_watch_restarts_total", { cause: "ended" }),
      scene.watches().length - 1,
    );
  });

  it("reads the list again every ten to fifteen minutes, since no watch tells that etcd was restored from a copy", async () => {
    const scene = await new Scene().start();
    await scene.time.pass(3_600_000);
    assert.ok(scene.lists().length >= 4 && scene.lists().length <= 7, String(scene.lists().length));
    assert.equal(await scene.counted.value("picket_kube_lists_total", { cause: "age" }), scene.lists().length - 1);
    assert.equal(scene.changes, 1, "nothing is told of what is the same");
    scene.assertSame();
  });

  it("starts the next watch where the last bookmark was", async () => {
    const scene = await new Scene().start();
    scene.store.compact();
    scene.feed!.bookmark();
    await scene.time.pass(50_000);
    assert.equal(scene.watches()[1]!.query!.resourceVersion, String(scene.store.version));
    assert.equal(scene.lists().length, 1);
  });

  it("takes versions as they are, whatever they look like", async () => {
    const scene = await new Scene().start();
    const object = {
      apiVersion: "picket.dev/v1alpha1",
      kind: "ApiPolicy",
      metadata: { name: "a", namespace: "bank", uid: "u", resourceVersion: "zz" },
      spec: { x: 1 },
    };
    scene.feed!.raw(`${JSON.stringify({ type: "ADDED", object })}\n`);
    const older = { ...object, metadata: { ...object.metadata, resourceVersion: "aa" }, spec: { x: 2 } };
    scene.feed!.raw(`${JSON.stringify({ type: "MODIFIED", object: older })}\n`);
    await settled();
    assert.deepEqual(scene.reflector.items().get("bank/a"), { x: 2 });
    scene.feed!.end();
    await scene.time.pass(1_000);
    assert.equal(scene.watches()[1]!.query!.resourceVersion, "aa");
  });

  it("finds what was deleted while it did not look", async () => {
    const scene = await new Scene().start();
    scene.write("a", { x: 1 });
    scene.write("b", { x: 1 });
    await settled();
    scene.feed!.stall();
    scene.delete("a");
    scene.store.compact();
    const before = scene.reflector.items();
    await scene.time.pass(60_000);
    scene.assertSame();
    assert.equal(before.size, 2);
  });

  it("takes an object that was deleted and made anew for another one", async () => {
    const scene = await new Scene().start();
    scene.write("a", { x: 1 });
    await settled();
    scene.transform = () => {
      throw new Error("bug");
    };
    scene.write("a", { x: 2 });
    await settled();
    assert.deepEqual(scene.reflector.items().get("bank/a"), { x: 1 });
    scene.feed!.stall();
    scene.delete("a");
    scene.write("a", { x: 3 });
    scene.store.compact();
    await scene.time.pass(60_000);
    assert.equal(scene.reflector.items().has("bank/a"), false);
  });

  it("keeps the last good form of an object that our code fails on, counts it, and goes on with the others", async () => {
    const scene = await new Scene().start();
    scene.transform = ({ spec }) => {
      if (isRecord(spec) && spec.x === 13) throw new Error("bug");
      return spec;
    };
    scene.write("a", { x: 1 });
    await settled();
    scene.write("a", { x: 13 });
    scene.write("b", { x: 13 });
    scene.write("c", { x: 3 });
    await settled();
    assert.deepEqual(Object.fromEntries(scene.reflector.items()), { "bank/a": { x: 1 }, "bank/c": { x: 3 } });
    assert.equal(await scene.counted.value("picket_kube_transform_faults_total"), 2);
    scene.write("a", { x: 2 });
    await settled();
    assert.deepEqual(scene.reflector.items().get("bank/a"), { x: 2 });
  });

  it("keeps nothing of an object that its transform does not want", async () => {
    const scene = await new Scene().start();
    scene.transform = ({ spec }) => (isRecord(spec) && spec.x === 0 ? undefined : spec);
    scene.write("a", { x: 0 });
    scene.write("b", { x: 1 });
    await settled();
    assert.deepEqual([...scene.reflector.items().keys()], ["bank/b"]);
    scene.write("b", { x: 0 });
    await settled();
    assert.equal(scene.reflector.items().size, 0);
  });

  it("survives a reader that throws", async () => {
    const scene = await new Scene().start();
    Object.defineProperty(scene, "changes", {
      get: () => 0,
      set: () => {
        throw new Error("bug");
      },
    });
    scene.write("a", { x: 1 });
    await settled();
    scene.write("b", { x: 1 });
    await settled();
    scene.assertSame();
  });

  it("does not tell of an event that it has seen already", async () => {
    const scene = await new Scene().start();
    scene.write("a", { x: 1 });
    await settled();
    scene.changes = 0;
    const [object] = scene.store.all(path).values();
    scene.feed!.raw(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
    await settled();
    assert.equal(scene.changes, 0);
  });

  it("reads a list page by page, and all of it in one piece when a page has expired", async () => {
    const scene = new Scene();
    for (let i = 0; i < 1_203; i++) scene.write(`p${String(i).padStart(4, "0")}`, { x: i });
    await scene.start();
    scene.assertSame();
    assert.equal(scene.lists().length, 3);
    let pages = 0;
    scene.fault = (request) => {
      if (request.query?.continue !== undefined && ++pages === 2) expired();
    };
    scene.feed!.error(410, "Expired");
    await scene.time.pass(5_000);
    scene.assertSame();
    assert.deepEqual(
      scene
        .lists()
        .slice(3)
        .map(({ query }) => query?.limit),
      ["500", "500", "500", undefined],
    );
  });

  it("asks for smaller pages when one is too large to be taken", async () => {
    const scene = new Scene();
    for (let i = 0; i < 600; i++) scene.write(`p${i}`, { x: i });
    scene.fault = ({ query }) => {
      if (Number(query?.limit) <= 63 || query?.watch !== undefined) return;
      throw new KubeError({ code: "other", status: 0, reason: "TooLarge", message: "too large" });
    };
    await scene.start();
    scene.assertSame();
    assert.equal(scene.lists()[1]!.query!.limit, "63");
  });

  it("tells how long the API server has said nothing", async () => {
    const scene = await new Scene().start();
    await scene.time.pass(20_000);
    assert.equal(scene.reflector.contactAgeMs(), 20_000);
    assert.equal(await scene.counted.value("picket_kube_contact_age_seconds"), 20);
    scene.feed!.bookmark();
    assert.equal(scene.reflector.contactAgeMs(), 0);
    scene.fault = () => {
      throw unreachable();
    };
    scene.feed!.reset();
    await scene.time.pass(100_000);
    assert.equal(scene.reflector.contactAgeMs(), 100_000);
  });

  it("ends with its signal", async () => {
    const scene = await new Scene().start();
    scene.stop.abort();
    await scene.time.pass(600_000);
    assert.equal(scene.requests.length, 2);
    assert.equal(scene.time.waiting, 0);
  });
});

describe("a reflector and an API server that fails", () => {
  const faults: readonly (readonly [string, (request: KubeRequest, scene: Scene) => void])[] = [
    [
      "refuses connections",
      () => {
        throw unreachable();
      },
    ],
    [
      "forbids",
      () => {
        throw statusError("x", 403, { reason: "Forbidden" });
      },
    ],
    [
      "answers 500",
      () => {
        throw statusError("x", 500, {});
      },
    ],
    [
      "answers 503 and asks for a second",
      () => {
        throw statusError("x", 503, {}, "1");
      },
    ],
    [
      "throttles",
      () => {
        throw statusError("x", 429, {}, "1");
      },
    ],
    [
      "does not know the resource",
      () => {
        throw statusError("x", 404, {});
      },
    ],
    ["expires every version", expired],
    [
      "expires every watch at once, and no list",
      (request) => {
        if (isWatch(request)) expired();
      },
    ],
    [
      "resets every watch at once, and no list",
      (request) => {
        if (isWatch(request)) throw unreachable();
      },
    ],
    [
      "ends every watch at once",
      (request, scene) => {
        if (isWatch(request)) queueMicrotask(() => scene.feed!.end());
      },
    ],
    [
      "sends one event and ends every watch at once",
      (request, scene) => {
        if (!isWatch(request)) return;
        queueMicrotask(() => {
          scene.feed!.bookmark();
          scene.feed!.end();
        });
      },
    ],
    [
      "sends nonsense in every watch",
      (request, scene) => {
        if (isWatch(request)) queueMicrotask(() => scene.feed!.raw("nonsense\n"));
      },
    ],
    [
      "sends ERROR 500 in every watch",
      (request, scene) => {
        if (isWatch(request)) queueMicrotask(() => scene.feed!.error(500, "InternalError"));
      },
    ],
    [
      "says that the version is invalid",
      (request) => {
        if (isWatch(request)) throw statusError("x", 400, { reason: "BadRequest" });
      },
    ],
  ];

  for (const [name, fault] of faults) {
    it(`is not asked in a circle where it ${name}, and followed within 30 seconds after it is well`, async () => {
      const scene = await new Scene().start();
      scene.write("a", { x: 1 });
      scene.write("b", { x: 1 });
      await settled();
      scene.fault = (request) => fault(request, scene);
      scene.feed!.reset();
      const from = scene.requests.length;
      await scene.time.pass(300_000);
      // Waits double: 0.8 s, 1.6 s, … 30 s, and each is shortened to three quarters here.
      const asked = scene.requests.length - from;
      assert.ok(asked <= 40, `${asked} requests`);
      for (const { atMs } of scene.requests.slice(from)) {
        const inASecond = scene.requests.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1_000).length;
        assert.ok(inASecond <= 5, `${inASecond} requests in a second`);
      }
      scene.write("a", { x: 2 });
      scene.delete("b");
      scene.store.compact();
      scene.fault = undefined;
      await scene.time.pass(30_000);
      scene.assertSame();
      assert.equal(scene.reflector.items().size, 1);
    });
  }

  it("is asked at different times by replicas that lost it together", async () => {
    const at = [];
    for (const random of [0, 0.25, 0.5, 0.75, 0.99]) {
      const scene = await new Scene({ random: () => random }).start();
      scene.fault = () => {
        throw unreachable();
      };
      scene.feed!.reset();
      await scene.time.pass(600_000);
      const times = scene.requests.map(({ atMs }) => atMs);
      const gaps = times.slice(1).map((ms, i) => ms - times[i]!);
      assert.ok(Math.max(...gaps) < 30_000);
      at.push(Math.max(...gaps));
      scene.stop.abort();
    }
    assert.equal(new Set(at).size, at.length);
  });

  it("is left alone as long as it asks", async () => {
    const scene = await new Scene().start();
    scene.fault = () => {
      throw statusError("x", 429, {}, "20");
    };
    scene.feed!.reset();
    const from = scene.requests.length;
    await scene.time.pass(100_000);
    assert.ok(scene.requests.length - from <= 6);
  });

  it("keeps everything that is known while it is away", async () => {
    const scene = await new Scene().start();
    scene.write("a", { x: 1 });
    await settled();
    scene.fault = () => {
      throw unreachable();
    };
    scene.feed!.reset();
    await scene.time.pass(1_800_000);
    assert.deepEqual(Object.fromEntries(scene.reflector.items()), { "bank/a": { x: 1 } });
  });

  for (const [name, line] of [
    ["is not JSON", '{"type":"ADDED","object":{"meta'],
    ["has no type", "{}"],
    ["has an unknown type", '{"type":"CHANGED","object":{}}'],
    ["is a list", "[]"],
    ["holds no object", '{"type":"ADDED"}'],
    ["holds an object without a name", '{"type":"ADDED","object":{"metadata":{"uid":"u","resourceVersion":"1"}}}'],
    ["is a bookmark without a version", '{"type":"BOOKMARK","object":{"metadata":{}}}'],
  ] as const) {
    it(`leads to a whole list, and is counted, when a line ${name}`, async () => {
      const scene = await new Scene().start();
      scene.write("a", { x: 1 });
      await settled();
      scene.delete("a");
      scene.feed!.raw(`${line}\n`);
      await scene.time.pass(5_000);
      assert.equal(scene.lists().length, 2);
      assert.equal(await scene.counted.value("picket_kube_malformed_lines_total"), 1);
      assert.equal(await scene.counted.value("picket_kube_lists_total", { cause: "malformed" }), 1);
      scene.assertSame();
    });
  }

  it("is listed again within a minute when a watch stays open and silent", async () => {
    const scene = await new Scene().start();
    scene.write("a", { x: 1 });
    await settled();
    scene.feed!.stall();
    scene.delete("a");
    await scene.time.pass(59_000);
    scene.assertSame();
    assert.equal(scene.reflector.items().size, 0);
    assert.equal(await scene.counted.value("picket_kube_lists_total", { cause: "idle" }), 1);
  });

  it("is listed again after five watches in a row that failed without saying why", async () => {
    const scene = await new Scene().start();
    let watches = 0;
    scene.fault = (request) => {
      if (isWatch(request) && ++watches <= 5) throw statusError("x", 500, {});
    };
    scene.feed!.reset();
    await scene.time.pass(60_000);
    assert.equal(await scene.counted.value("picket_kube_lists_total", { cause: "failing" }), 1);
  });

  it("is asked soon again after it was well for two minutes", async () => {
    const scene = await new Scene().start();
    scene.fault = () => {
      throw unreachable();
    };
    scene.feed!.reset();
    await scene.time.pass(300_000);
    scene.fault = undefined;
    await scene.time.pass(300_000);
    const from = scene.time.monotonic();
    scene.feed!.reset();
    await scene.time.pass(1_000);
    assert.ok(scene.requests.at(-1)!.atMs > from);
  });
});
