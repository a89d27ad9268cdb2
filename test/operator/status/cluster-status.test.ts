import assert from "node:assert/strict";
import { ClusterStatus, listedMax, writeMs } from "../../../operator/status/cluster-status.ts";
import type { ObjectStatus } from "../../../operator/status/object-status.ts";
import { readCrds } from "../../../scripts/crds.ts";
import { shapeProblems } from "../../crds/shape.ts";
import { silentLog } from "../../contract/ads-range.ts";
import { failure, KubeStore } from "../kube-store.ts";

const name = "ApiPolicy/bank/accounts";
const path = "/apis/picket.dev/v1alpha1/namespaces/bank/apipolicies/accounts";

function statusOf(part: Partial<ObjectStatus["status"]> = {}, sourceGeneration = 3): ObjectStatus {
  return {
    apiVersion: "picket.dev/v1alpha1",
    kind: "ApiPolicy",
    metadata: { namespace: "bank", name: "accounts" },
    file: "ApiPolicy bank/accounts",
    line: 0,
    sourceGeneration,
    status: {
      conditions: [
        {
          type: "Accepted",
          status: "True",
          reason: "Accepted",
          message: "",
          observedGeneration: "abc",
          lastTransitionTime: "2026-01-01T00:00:00.000Z",
        },
      ],
      observedGeneration: "abc",
      revision: "abc",
      mode: "enforce",
      proxies: { current: 2, total: 3, rejected: 0 },
      problems: [],
      ...part,
    },
  };
}

describe("status in a cluster", () => {
  let store: KubeStore;
  let leads: boolean;
  let nowMs: number;
  let queued: string[];
  let told: string[];
  let status: ClusterStatus;

  beforeEach(() => {
    store = new KubeStore();
    leads = true;
    nowMs = 1_000_000;
    queued = [];
    told = [];
    store.objects.set(path, { status: {} });
    status = new ClusterStatus({
      transport: store,
      standing: () => store.objects.get(path) as { status: unknown } | undefined,
      isLeader: () => leads,
      tell: (_, { reason }) => told.push(reason),
      clock: { now: () => nowMs, monotonic: () => nowMs },
      log: silentLog,
    });
    status.useQueue({ add: (key) => queued.push(key) });
  });

  const standing = (): Record<string, unknown> => store.objects.get(path)?.["status"] as Record<string, unknown>;

  it("is what kubectl shows: the generation that it is about, conditions, counts", async () => {
    status.update([statusOf()]);
    assert.deepEqual(queued, [name]);
    assert.deepEqual(await status.write(name), { kind: "done" });
    assert.equal(standing()["observedGeneration"], 3);
    assert.deepEqual(standing()["proxies"], { current: 2, total: 3, rejected: 0, summary: "2/3" });
    assert.equal(standing()["mode"], "Enforce");
    assert.deepEqual(
      (standing()["conditions"] as { type: string; observedGeneration: number }[]).map((one) => [
        one.type,
        one.observedGeneration,
      ]),
      [["Accepted", 3]],
    );
    assert.equal(store.requests.at(-1)?.path, `${path}/status`);
  });

  it("fits the schema of every kind, however much there is to say", async () => {
    const text = "x".repeat(5_000);
    const many = <T>(make: (index: number) => T): T[] => Array.from({ length: 1_000 }, (_, index) => make(index));
    for (const { kind, plural, scope, status: schema } of readCrds()) {
      const metadata = { name: "a", ...(scope === "Namespaced" && { namespace: "bank" }) };
      const own = `/apis/picket.dev/v1alpha1${scope === "Namespaced" ? "/namespaces/bank" : ""}/${plural}/a`;
      store.objects.set(own, { status: {} });
      const problem = { code: "PKT0201", file: "a", line: 0, field: text, message: text, fix: text } as const;
      const conditions = (["Accepted", "ResolvedRefs", "Programmed"] as const).map((type) => ({
        ...statusOf().status.conditions[0]!,
        type,
        message: text,
      }));
      const plain = { conditions, observedGeneration: "abc", revision: "abc", problems: many(() => problem) };
      const full = statusOf({
        ...plain,
        scorers: { current: 1, total: 2, rejected: 1 },
        overriddenBy: many((index) => `bank/p${index}`),
        workloads: many((index) => ({
          name: `bank/a${index}:8080`,
          mode: "enforce",
          revision: "abc",
          state: "closed",
          proven: false,
          message: text,
        })),
      });
      status.update([{ ...full, kind, metadata, ...(!kind.endsWith("Policy") && { status: plain }) }]);
      await status.write(`${kind}/${scope === "Namespaced" ? "bank" : ""}/a`);
      const written = store.objects.get(own)?.["status"] as { readonly problems?: readonly unknown[] };
      assert.equal(written.problems?.length, listedMax, kind);
      assert.deepEqual(shapeProblems(schema, written, `${kind} status`), []);
    }
  });

  it("is written by the leader alone, and by a new leader where it differs", async () => {
    leads = false;
    status.update([statusOf()]);
    await status.write(name);
    assert.equal(store.requests.length, 0);
    leads = true;
    status.lead();
    assert.deepEqual(queued, [name, name]);
    await status.write(name);
    assert.equal(store.requests.length, 1);
  });

  it("is not written again for the same meaning, whatever the times in it", async () => {
    status.update([statusOf()]);
    await status.write(name);
    nowMs += 60_000;
    const later = statusOf();
    status.update([
      {
        ...later,
        status: {
          ...later.status,
          conditions: later.status.conditions.map((one) => ({
            ...one,
            lastTransitionTime: "2026-02-02T00:00:00.000Z",
          })),
        },
      },
    ]);
    await status.write(name);
    assert.equal(store.requests.length, 1);
  });

  it("keeps the time of a condition that did not change", async () => {
    status.update([statusOf()]);
    await status.write(name);
    nowMs += 60_000;
    const changed = statusOf({ proxies: { current: 3, total: 3, rejected: 0 } });
    const conditions = changed.status.conditions.map((one) => ({ ...one, lastTransitionTime: "2026-02-02T00:00:00Z" }));
    status.update([{ ...changed, status: { ...changed.status, conditions } }]);
    await status.write(name);
    const [condition] = standing()["conditions"] as { lastTransitionTime: string }[];
    assert.equal(condition?.lastTransitionTime, "2026-01-01T00:00:00.000Z");
  });

  it("is written at most once in five seconds for one object", async () => {
    status.update([statusOf()]);
    await status.write(name);
    nowMs += 1_000;
    status.update([statusOf({ proxies: { current: 3, total: 3, rejected: 0 } })]);
    assert.deepEqual(await status.write(name), { kind: "waiting", afterMs: writeMs - 1_000 });
    nowMs += writeMs;
    assert.deepEqual(await status.write(name), { kind: "done" });
    assert.equal(store.requests.length, 2);
  });

  it("tells people what went wrong, and not what every policy goes through", async () => {
    const [accepted] = statusOf().status.conditions;
    const pending = { ...accepted!, type: "Programmed", status: "False", reason: "Pending" } as const;
    status.update([statusOf({ conditions: [accepted!, pending] })]);
    await status.write(name);
    assert.deepEqual(told, []);
    nowMs += writeMs;
    status.update([statusOf({ conditions: [{ ...accepted!, status: "False", reason: "Invalid" }, pending] })]);
    await status.write(name);
    assert.deepEqual(told, ["Invalid"]);
  });

  it("is bounded, whatever there is to say", async () => {
    const problem = {
      code: "PKT0201",
      file: "",
      line: 0,
      field: "spec",
      message: "x".repeat(5_000),
      fix: "y",
    } as const;
    status.update([statusOf({ problems: Array.from({ length: 100 }, () => problem) })]);
    await status.write(name);
    const problems = standing()["problems"] as { message: string }[];
    assert.equal(problems.length, listedMax);
    assert.ok(problems.every(({ message }) => message.length <= 1_024));
  });

  it("of an object that is gone is nobody's business; any other failure is tried again", async () => {
    status.update([statusOf()]);
    store.failing = failure("not-found", 404);
    assert.deepEqual(await status.write(name), { kind: "done" });
    store.failing = failure("conflict", 409);
    await assert.rejects(status.write(name));
    store.failing = undefined;
    store.objects.delete(path);
    assert.deepEqual(await status.write(name), { kind: "done" });
    status.update([]);
    assert.deepEqual(await status.write(name), { kind: "done" });
  });
});
