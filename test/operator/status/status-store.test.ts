import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { laterKinds } from "../../../core/policy/parse.ts";
import { assess, type Assessment, type Observed } from "../../../operator/status/assess.ts";
import { conditionOf, statusName, type ObjectStatus } from "../../../operator/status/object-status.ts";
import { StatusStore } from "../../../operator/status/status-store.ts";
import type { Running } from "../../../operator/xds/running.ts";
import { silentLog } from "../../contract/ads-range.ts";
import { policy, states, step, workload, type Step } from "../reconcile/source.ts";

const runs: Running = { current: 1, total: 1, rejected: 0, message: "" };
const everything: Observed = { count: () => runs, isProven: () => true };

/** What the clients of one group say, while those of the others run everything. */
function only(group: "proxy" | "scorer", running: Running): Partial<Observed> {
  return { count: (asked) => (asked === group ? running : runs) };
}

function assessStep({ settled, plan }: Step, observed: Partial<Observed> = {}): Assessment {
  return assess(settled, plan, { ...everything, ...observed });
}

/** `Type=Status Reason` of the first policy, in order. */
function conditionsOf(assessment: Assessment, name = "a"): readonly string[] {
  const report = assessment.objects.find(({ object }) => object.id.kind.endsWith("Policy") && object.id.name === name);
  return (report?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

describe("status of an object", () => {
  const files = { "w.yaml": workload("a"), "a.yaml": policy("a") };

  it("is Programmed only when all proxies and scorers run it and a request has shown that it is judged", () => {
    const cases: readonly [Partial<Observed>, string, string][] = [
      [{}, "Programmed=True Programmed", ""],
      [only("proxy", { ...runs, current: 0, total: 0 }), "Programmed=False NoProxies", "no proxy is connected"],
      [only("scorer", { ...runs, current: 0, total: 0 }), "Programmed=False NoScorers", "no scorer is connected"],
      [only("proxy", { ...runs, total: 2 }), "Programmed=False Pending", "1 of 2 proxies run it"],
      [only("scorer", { ...runs, total: 2 }), "Programmed=False Pending", "1 of 2 scorers run it"],
      [
        only("proxy", { current: 1, total: 2, rejected: 1, message: "no such filter" }),
        "Programmed=False Rejected",
        "a proxy refused it: no such filter",
      ],
      [{ isProven: () => false }, "Programmed=False Unproven", "no request has shown yet that it is judged"],
    ];
    for (const [observed, condition, message] of cases) {
      const assessment = assessStep(step(files), observed);
      assert.deepEqual(conditionsOf(assessment), ["Accepted=True Accepted", condition]);
      assert.equal(assessment.ready, message === "");
      assert.equal(assessment.reason, message === "" ? "" : `shop/a: ${message}`);
    }
  });

  it("says in one sentence that an address is taken, with the place of the workload", () => {
    const message =
      "Error adding/updating listener(s) in|shop/a: cannot bind '127.0.0.1:8080': Address already in use\n";
    const { problems, reason } = assessStep(step(files), only("proxy", { current: 0, total: 1, rejected: 1, message }));
    assert.deepEqual(
      problems.map(({ code, file, line, field }) => [code, file, line, field]),
      [["PKT0108", "w.yaml", 1, "spec.listen"]],
    );
    assert.equal(reason, "shop/a: a proxy refused it: 127.0.0.1:8080 is already in use by another program");
  });

  it("needs no proof where nothing is enforced", () => {
    const shadow = { ...files, "a.yaml": policy("a").replace("mode: Enforce", "mode: Shadow") };
    assert.ok(assessStep(step(shadow), { isProven: () => false }).ready);
  });

  it("says what is wrong with an object and whether its last good form is in force", () => {
    const first = step(files);
    const broken = { ...files, "a.yaml": policy("a").replace("mode: Enforce", "mode: Enforced") };
    const kept = assessStep(step(broken, first.memory));
    assert.deepEqual(conditionsOf(kept), ["Accepted=False KeptLastGood", "Programmed=True Programmed"]);
    assert.ok(kept.ready);
    const refused = assessStep(step(broken));
    assert.deepEqual(conditionsOf(refused), ["Accepted=False Invalid", "Programmed=False Invalid"]);
    assert.equal(refused.reason, "ApiPolicy shop/a is not valid");
  });

  it("says that an object or field is not supported yet, and lets it change nothing", () => {
    const later = (kind: string, metadata: string): string =>
      `apiVersion: picket.dev/v1alpha1\nkind: ${kind}\nmetadata: { ${metadata} }\nspec: { expiresAfter: 1h }\n`;
    for (const kind of laterKinds) {
      const { settled, plan } = step({ ...files, "b.yaml": later(kind, "name: b, namespace: shop") });
      const assessment = assess(settled, plan, everything);
      const report = assessment.objects.find(({ object }) => object.id.kind === kind);
      assert.deepEqual(
        report?.conditions.map(({ status, reason }) => `${status} ${reason}`),
        ["False Unsupported"],
      );
      assert.deepEqual(states(plan), { "shop/a": "open" });
      assert.deepEqual(plan.workloads, step(files).plan.workloads);
      // Nor does one without a name, which cannot have a status.
      assert.deepEqual(states(step({ ...files, "b.yaml": later(kind, "namespace: shop") }).plan), { "shop/a": "open" });
    }
    const early = assessStep(step({ ...files, "a.yaml": policy("a", "  anomaly: { onSuspicious: Deny }\n") }));
    assert.deepEqual(conditionsOf(early), ["Accepted=False Unsupported", "Programmed=False Invalid"]);
  });

  it("names a missing target, a missing identity and an older policy that holds instead", () => {
    const lost = assessStep(step({ "w.yaml": workload("b"), "a.yaml": policy("a") }));
    assert.deepEqual(conditionsOf(lost), ["Accepted=False TargetNotFound", "Programmed=False NoWorkloads"]);
    assert.equal(lost.ready, false);
    const unresolved = assessStep(step({ ...files, "a.yaml": policy("a", "  identityRefs: [{ name: nobody }]\n") }));
    assert.deepEqual(conditionsOf(unresolved)[1], "ResolvedRefs=False RefNotResolved");
    const second = policy("z").replace("Deployment, name: z", "Deployment, name: a");
    const conflicted = assessStep(step({ ...files, "z.yaml": second }));
    assert.deepEqual(conditionsOf(conflicted, "z"), ["Accepted=False Conflicted", "Programmed=False NoWorkloads"]);
    assert.deepEqual(conditionsOf(conflicted, "a"), ["Accepted=True Accepted", "Programmed=True Programmed"]);
  });
});

describe("status store", () => {
  let folder: string;
  let nowMs: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "status-"));
    nowMs = 1_000;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const open = (): StatusStore => {
    const clock = { now: () => nowMs, monotonic: () => nowMs };
    const store = new StatusStore({ folder, clock, log: silentLog });
    store.start();
    return store;
  };
  const file = (): string => join(folder, "ApiPolicy", "shop.a.json");
  const read = (): ObjectStatus => JSON.parse(readFileSync(file(), "utf8")) as ObjectStatus;
  const files = { "w.yaml": workload("a"), "a.yaml": policy("a") };

  it("writes a file for each object, only when it changes, and keeps the time of a condition that stays", () => {
    const store = open();
    store.update(assessStep(step(files)).objects);
    const { ino } = statSync(file());
    nowMs = 2_000;
    store.update(assessStep(step(files)).objects);
    assert.equal(statSync(file()).ino, ino, "an equal status is not written again");
    store.update(assessStep(step(files), { isProven: () => false }).objects);
    assert.equal(conditionOf(read(), "Programmed")?.lastTransitionTime, new Date(2_000).toISOString());
    assert.equal(conditionOf(read(), "Accepted")?.lastTransitionTime, new Date(1_000).toISOString());
  });

  it("goes on after a restart, and takes away the status of what is gone", () => {
    open().update(assessStep(step(files)).objects);
    nowMs = 5_000;
    const again = open();
    again.update(assessStep(step(files)).objects);
    assert.equal(conditionOf(read(), "Accepted")?.lastTransitionTime, new Date(1_000).toISOString());
    again.update([]);
    assert.equal(existsSync(file()), false);
    assert.deepEqual(again.all(), []);
  });

  it("has no name that leads out of its folder", () => {
    for (const name of ["../../etc/passwd", "..", ".", "a/b", "\u0000", "x".repeat(10_000), "\ud800"]) {
      const path = statusName({ kind: "ApiPolicy", namespace: "", name });
      assert.match(path, /^ApiPolicy\/(?!\.)[^/]{1,400}$/, name);
    }
  });
});
