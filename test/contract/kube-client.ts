import assert from "node:assert/strict";
import { apply, mergePatch, read, remove } from "../../operator/kube/apply.ts";
import { createEvents } from "../../operator/kube/events.ts";
import { createLease, type Lease } from "../../operator/kube/lease.ts";
import { readList, type ListOptions } from "../../operator/kube/list.ts";
import { isRecord, keyOf, type KubeObject } from "../../operator/kube/object.ts";
import { createReflector, type Reflector } from "../../operator/kube/reflector.ts";
import { listPath, objectPath } from "../../operator/kube/resource-path.ts";
import { createTransport, type KubeTransport } from "../../operator/kube/transport.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { countedMetrics, silentLog } from "../operator/kube/parts.ts";

const log = silentLog(clock);
const never = new AbortController().signal;

async function listAll(options: ListOptions): Promise<readonly KubeObject[]> {
  const all: KubeObject[] = [];
  await readList(options, { page: (objects) => void all.push(...objects), restarted: () => void (all.length = 0) });
  return all;
}

/** What the client layer promises, whatever API server it talks to. `connect` answers the path of a kubeconfig. */
export function kubeClientContract(name: string, connect: () => Promise<string>): void {
  describe(`the Kubernetes client against ${name}`, () => {
    const namespace = `contract-${process.pid}-${Math.trunc(performance.now())}`;
    const stop = new AbortController();
    const { metrics } = countedMetrics();
    let transport: KubeTransport;

    before(async () => {
      transport = await createTransport({ kubeconfig: await connect(), log, clock, metrics });
      await transport.request({
        method: "POST",
        path: "/api/v1/namespaces",
        body: { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
      });
    });
    after(async () => {
      stop.abort();
      await remove(transport, { apiVersion: "v1", kind: "Namespace", name: namespace });
      transport.close();
    });

    const ref = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", namespace, name });
    const configMap = (name: string, data: Record<string, string>, labels: Record<string, string> = {}) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace, ...(Object.keys(labels).length === 0 ? {} : { labels }) },
      data,
    });
    const create = async (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) => {
      const path = listPath(ref(name));
      return (await transport.request({ method: "POST", path, body: configMap(name, data, labels) })) as KubeObject;
    };

    describe("requests", () => {
      it("create, read, replace and delete an object", async () => {
        const made = await create("crud", { a: "1" });
        assert.equal(keyOf(made), `${namespace}/crud`);
        assert.deepEqual((await read(transport, ref("crud")))?.data, { a: "1" });
        const body = { ...made, data: { a: "2" } };
        await transport.request({ method: "PUT", path: objectPath(ref("crud")), body });
        assert.deepEqual((await read(transport, ref("crud")))?.data, { a: "2" });
        assert.equal(await remove(transport, ref("crud")), true);
        assert.equal(await read(transport, ref("crud")), undefined);
      });

      it("tell a second creation, an outdated replacement and a missing object apart", async () => {
        const made = await create("errors");
        await assert.rejects(create("errors"), { code: "conflict", reason: "AlreadyExists", status: 409 });
        await mergePatch(transport, ref("errors"), { data: { a: "1" } }, { fieldManager: "test" });
        await assert.rejects(transport.request({ method: "PUT", path: objectPath(ref("errors")), body: made }), {
          code: "conflict",
          reason: "Conflict",
        });
        const path = objectPath(ref("nobody"));
        await assert.rejects(transport.request({ method: "GET", path }), { code: "not-found", status: 404 });
      });

      it("tell a body that is no object from one without a name", async () => {
        const path = listPath(ref("x"));
        await assert.rejects(transport.request({ method: "POST", path, body: [] }), { code: "invalid" });
        const nameless = { apiVersion: "v1", kind: "ConfigMap", metadata: {} };
        await assert.rejects(transport.request({ method: "POST", path, body: nameless }), { code: "invalid" });
      });

      it("end when their signal is given", async () => {
        const path = listPath(ref("x"));
        await assert.rejects(transport.request({ method: "GET", path, signal: AbortSignal.abort() }), {
          reason: "Aborted",
        });
      });

      it("delete only the very object that was meant", async () => {
        const { metadata } = await create("very");
        await assert.rejects(remove(transport, { ...ref("very"), uid: "00000000-0000-0000-0000-000000000000" }), {
          code: "conflict",
        });
        assert.equal(await remove(transport, { ...ref("very"), uid: metadata.uid }), true);
      });
    });

    describe("lists", () => {
      it("are read whole, page by page", async () => {
        const names = Array.from({ length: 10 }, (_, i) => `page-${i}`);
        for (const name of names) await create(name, {}, { list: "yes" });
        const path = listPath(ref("x"));
        for (const limit of [1, 3, 10, 500]) {
          const query = { labelSelector: "list=yes" };
          const objects = await listAll({ transport, path, query, signal: never, limit });
          assert.deepEqual(
            objects.map(({ metadata }) => metadata.name),
            names,
          );
        }
      });
    });

    describe("a reflector", () => {
      const versions = (object: KubeObject): string => object.metadata.resourceVersion;

      const reflect = <T>(transform: (object: KubeObject) => T, labelSelector: string) => {
        let changes = 0;
        const waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];
        const reflector = createReflector<T>({
          transport,
          resource: "configmaps",
          path: listPath(ref("x")),
          query: { labelSelector },
          transform,
          changed: () => {
            changes++;
            for (const { holds, resolve } of waiting) if (holds()) resolve();
          },
          metrics,
          clock,
          random: Math.random,
          log,
        });
        const until = (holds: () => boolean): Promise<void> =>
          holds() ? Promise.resolve() : new Promise((resolve) => waiting.push({ holds, resolve }));
        return { reflector, until, changes: () => changes };
      };

      it("knows what is there, and what comes, changes and goes", async () => {
        await create("first", { a: "1" }, { reflect: "one" });
        const { reflector, until } = reflect(({ data }) => data ?? {}, "reflect=one");
        assert.equal(reflector.isSynced, false);
        reflector.start(stop.signal);
        await reflector.synced;
        assert.deepEqual([...reflector.items()], [[`${namespace}/first`, { a: "1" }]]);
        await create("second", {}, { reflect: "one" });
        await until(() => reflector.items().size === 2);
        await mergePatch(transport, ref("first"), { data: { a: "2" } }, { fieldManager: "test" });
        await until(
          () => isRecord(reflector.items().get(`${namespace}/first`)) && dataOf(reflector, "first").a === "2",
        );
        await remove(transport, ref("first"));
        await until(() => !reflector.items().has(`${namespace}/first`));
        assert.deepEqual([...reflector.items().keys()], [`${namespace}/second`]);
      });

      const dataOf = (reflector: Reflector<unknown>, name: string): Readonly<Record<string, unknown>> => {
        const data = reflector.items().get(`${namespace}/${name}`);
        return isRecord(data) ? data : {};
      };

      it("sees an object go that its selector does not mean any more", async () => {
        await create("selected", {}, { reflect: "two" });
        const { reflector, until } = reflect(versions, "reflect=two");
        reflector.start(stop.signal);
        await reflector.synced;
        assert.equal(reflector.items().size, 1);
        const patch = { metadata: { labels: { reflect: "other" } } };
        await mergePatch(transport, ref("selected"), patch, { fieldManager: "test" });
        await until(() => reflector.items().size === 0);
        const back = { metadata: { labels: { reflect: "two" } } };
        await mergePatch(transport, ref("selected"), back, { fieldManager: "test" });
        await until(() => reflector.items().size === 1);
      });

      it("gives snapshots that never change", async () => {
        const { reflector, until } = reflect(versions, "reflect=three");
        reflector.start(stop.signal);
        await reflector.synced;
        const before = reflector.items();
        assert.equal(reflector.items(), before);
        await create("third", {}, { reflect: "three" });
        await until(() => reflector.items().size === 1);
        assert.equal(before.size, 0);
      });

      it("is synced where there is nothing, and tells so once", async () => {
        const { reflector, until, changes } = reflect(versions, "reflect=nothing");
        reflector.start(stop.signal);
        await reflector.synced;
        await until(() => changes() > 0);
        assert.equal(reflector.items().size, 0);
        assert.equal(changes(), 1);
      });
    });

    describe("server-side apply", () => {
      const applied = (data: Record<string, string>, fieldManager: string, force = false) =>
        apply(transport, configMap("applied", data), { fieldManager, force });

      it("makes an object, and changes nothing when it runs again", async () => {
        const first = await applied({ a: "1", b: "1" }, "picket-operator");
        const second = await applied({ a: "1", b: "1" }, "picket-operator");
        assert.equal(first.metadata.resourceVersion, second.metadata.resourceVersion);
      });

      it("takes away what its manager left out, and nothing of others", async () => {
        await applied({ c: "1" }, "other");
        const { data } = await applied({ a: "1" }, "picket-operator");
        assert.deepEqual(data, { a: "1", c: "1" });
      });

      it("refuses what somebody else owns, naming who, and takes it over when forced", async () => {
        await assert.rejects(applied({ a: "1", c: "2" }, "picket-operator"), (error: Error) => {
          assert.match(error.message, /other/);
          return "code" in error && error.code === "conflict";
        });
        const { data } = await applied({ a: "1", c: "2" }, "picket-operator", true);
        assert.deepEqual(data, { a: "1", c: "2" });
        await assert.rejects(applied({ c: "1" }, "other"), { code: "conflict" });
      });

      it("shares a field whose value both want", async () => {
        await applied({ c: "2" }, "other");
        await applied({ a: "1" }, "picket-operator");
        assert.deepEqual((await read(transport, ref("applied")))?.data, { a: "1", c: "2" });
      });

      it("does not make anew what was deleted, where it names the uid", async () => {
        const { metadata } = await create("gone");
        await remove(transport, ref("gone"));
        const object = { ...configMap("gone", {}), metadata: { name: "gone", namespace, uid: metadata.uid } };
        await assert.rejects(apply(transport, object, { fieldManager: "picket-operator" }), { code: "conflict" });
      });

      it("is refused on an outdated version", async () => {
        const { metadata } = await create("version", { a: "1" });
        await mergePatch(transport, ref("version"), { data: { a: "2" } }, { fieldManager: "test" });
        const { resourceVersion } = metadata;
        const object = {
          ...configMap("version", { b: "1" }),
          metadata: { name: "version", namespace, resourceVersion },
        };
        await assert.rejects(apply(transport, object, { fieldManager: "picket-operator" }), { code: "conflict" });
      });
    });

    describe("a lease", () => {
      it("is held by one of two, and handed over by one that stops", async () => {
        const stops = [new AbortController(), new AbortController()];
        const order: string[] = [];
        let second: (() => void) | undefined;
        const make = (i: number): Lease =>
          createLease({
            transport,
            namespace,
            name: "picket-operator",
            identity: `replica-${i}`,
            clock,
            random: Math.random,
            log,
            gained: () => {
              order.push(`${i} gained`);
              if (i === 1) second?.();
            },
            lost: () => void order.push(`${i} lost`),
          });
        const [a, b] = [make(0), make(1)];
        a.start(stops[0]!.signal);
        await until(() => a.isLeader);
        const handedOver = new Promise<void>((resolve) => (second = resolve));
        b.start(stops[1]!.signal);
        stops[0]!.abort();
        await a.stopped;
        await handedOver;
        assert.deepEqual([a.isLeader, b.isLeader], [false, true]);
        stops[1]!.abort();
        await b.stopped;
        assert.deepEqual(order, ["0 gained", "0 lost", "1 gained", "1 lost"]);
        const lease = await read(transport, {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          namespace,
          name: "picket-operator",
        });
        const spec = isRecord(lease?.spec) ? lease.spec : {};
        assert.equal(spec.holderIdentity ?? "", "");
        assert.equal(spec.leaseTransitions, 1);
      });
    });

    describe("events", () => {
      it("are written where people look for them, and repeated in place", async () => {
        let skewMs = 0;
        const later = { now: () => clock.now() + skewMs, monotonic: () => clock.monotonic() + skewMs };
        const events = createEvents({
          transport,
          component: "picket.dev/operator",
          instance: "picket-operator-0",
          metrics,
          clock: later,
          log,
        });
        const { metadata } = await create("subject");
        const subject = { ...ref("subject"), uid: metadata.uid };
        events.emit(subject, "Warning", "Invalid", "rule health: no path");
        await events.flushed();
        skewMs = 400_000;
        events.emit(subject, "Warning", "Invalid", "rule health: no path");
        await events.flushed();
        const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
        const objects = await listAll({ transport, path, query: {}, signal: never });
        assert.equal(objects.length, 1);
        const [{ regarding, note, series }] = objects as [KubeObject];
        assert.equal(isRecord(regarding) && regarding.name, "subject");
        assert.equal(note, "rule health: no path");
        assert.equal(isRecord(series) && series.count, 2);
      });
    });

    /** Looks again whenever the event loop has turned; mocha ends it. */
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
    };
  });
}
