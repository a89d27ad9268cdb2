import assert from "node:assert/strict";
import { createKubeMetrics } from "../../../operator/kube/metrics.ts";
import { createReflector } from "../../../operator/kube/reflector.ts";
import { createLog } from "../../../platform/log.ts";
import { Registry } from "../../../platform/metrics.ts";
import { FakeTime, settled } from "./fake-time.ts";

const object = (name: string, resourceVersion: string) => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name, namespace: "bank", uid: `uid-${name}`, resourceVersion },
});

describe("a reflector", () => {
  it("lists, follows the watch and tells of what arrived together once", async () => {
    const time = new FakeTime();
    const stop = new AbortController();
    let told = 0;
    const reflector = createReflector({
      transport: {
        request: async () => ({ metadata: { resourceVersion: "1" }, items: [object("a", "1"), object("b", "1")] }),
        watch: async (_request, on) => {
          on.line(JSON.stringify({ type: "ADDED", object: object("c", "2") }));
          on.line(JSON.stringify({ type: "DELETED", object: object("a", "3") }));
          await new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve()));
        },
        close: () => {},
      },
      resource: "things",
      path: "/api/v1/things",
      transform: ({ metadata }) => metadata.resourceVersion,
      changed: () => told++,
      metrics: createKubeMetrics(new Registry()),
      clock: time,
      timers: time,
      random: () => 0.5,
      log: createLog({ level: "error", format: "text", clock: time, write: () => {} }),
    });
    assert.equal(reflector.isSynced, false);
    reflector.start(stop.signal);
    await reflector.synced;
    await settled();
    assert.deepEqual(
      [...reflector.items()],
      [
        ["bank/b", "1"],
        ["bank/c", "2"],
      ],
    );
    assert.ok(told <= 2);
    stop.abort();
  });
});
