import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { printMemory, type Memory } from "../../../operator/reconcile/accepted.ts";
import { ClusterMemory, memoryName, partBytesMax } from "../../../operator/reconcile/cluster-memory.ts";
import { silentLog } from "../../contract/ads-range.ts";
import { failure, KubeStore } from "../kube-store.ts";

const path = (name: string): string => `/api/v1/namespaces/picket-system/configmaps/${name}`;

function memoryOf(texts: readonly string[]): Memory {
  const accepted = texts.map((text, index) => {
    const id = { kind: "ApiPolicy", namespace: "bank", name: `p${index}` };
    return [`ApiPolicy/bank/p${index}`, { id, file: `ApiPolicy bank/p${index}`, text }] as const;
  });
  return { accepted: new Map(accepted), opened: new Set(["bank/accounts:8080"]) };
}

/** Text that hardly becomes shorter by packing. */
function noise(length: number): string {
  return randomBytes(length).toString("base64");
}

describe("last good generations in a cluster", () => {
  let store: KubeStore;
  let leads: boolean;
  const open = (): ClusterMemory =>
    new ClusterMemory({ transport: store, namespace: "picket-system", isLeader: () => leads, log: silentLog });

  beforeEach(() => {
    store = new KubeStore();
    leads = true;
  });

  async function save(memory: Memory): Promise<void> {
    const kept = open();
    await kept.load();
    const before = JSON.stringify(store.objects.get(path(memoryName)));
    kept.save(printMemory(memory));
    kept.lead();
    await until(() => JSON.stringify(store.objects.get(path(memoryName))) !== before);
    kept.stop();
  }

  it("are read again as they were, however many parts they take", async () => {
    for (const memory of [memoryOf(["{}"]), memoryOf([noise(partBytesMax), noise(partBytesMax)])]) {
      await save(memory);
      assert.deepEqual(await open().load(), memory);
    }
    assert.ok([...store.objects.keys()].length > 3);
  });

  it("are none where none were kept, and where they do not hold together", async () => {
    assert.equal((await open().load()).accepted.size, 0);
    await save(memoryOf(["one"]));
    await save(memoryOf(["other"]));
    const parts = [...store.objects.keys()].filter((key) => key !== path(memoryName));
    for (const part of parts) store.objects.set(part, { binaryData: { part: "AAAA" } });
    assert.equal((await open().load()).accepted.size, 0);
    store.objects.set(path(memoryName), { data: { pointer: '{"slot":"a","parts":99999,"digest":"x"}' } });
    assert.equal((await open().load()).accepted.size, 0);
  });

  it("survive a write that breaks off in the middle", async () => {
    const memory = memoryOf(["good"]);
    await save(memory);
    const pointer = store.objects.get(path(memoryName));
    await save(memoryOf(["newer"]));
    // The parts of the newer one are there, the object that names them is not.
    store.objects.set(path(memoryName), pointer!);
    assert.deepEqual(await open().load(), memory);
  });

  it("are written by the leader alone, and by the next one what the last did not write", async () => {
    leads = false;
    const kept = open();
    kept.save(printMemory(memoryOf(["x"])));
    kept.lead();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(store.objects.size, 0);
    leads = true;
    kept.lead();
    await until(() => store.objects.has(path(memoryName)));
    kept.stop();
  });

  it("lie beside other texts, each under its own name", async () => {
    await save(memoryOf(["{}"]));
    const other = { transport: store, namespace: "picket-system", isLeader: () => true, log: silentLog, name: "keys" };
    const keys = new ClusterMemory(other);
    assert.equal(await keys.loadText(), undefined);
    keys.save("some text");
    keys.lead();
    await until(() => store.objects.has(path("keys")));
    keys.stop();
    assert.equal(await new ClusterMemory(other).loadText(), "some text");
    assert.deepEqual(await open().load(), memoryOf(["{}"]));
  });

  it("fail to load while the API server does not answer, which is not the same as none", async () => {
    store.failing = failure("unavailable", 503);
    await assert.rejects(open().load(), { code: "unavailable" });
  });
});

async function until(done: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!done()) {
    if (performance.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
