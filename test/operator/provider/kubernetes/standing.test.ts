import assert from "node:assert/strict";
import { askAgainMs, returnMs, Standing } from "../../../../operator/provider/kubernetes/standing.ts";
import { createLog } from "../../../../platform/log.ts";
import { FakeTime, settled } from "../../kube/fake-time.ts";

describe("what stands of a kind", () => {
  const one = { a: 1, b: 2 };
  let time: FakeTime;
  let answer: () => Promise<boolean>;
  let asked: number;
  let changes: number;
  let standing: Standing<"Kind" | "Other", number>;

  const of = (items: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
    Object.fromEntries(standing.of("Kind", new Map(Object.entries(items))));
  /** What it is once all that is known is known. */
  const settledOf = async (items: Readonly<Record<string, number>>): Promise<Readonly<Record<string, number>>> => {
    of(items);
    await settled();
    return of(items);
  };

  beforeEach(() => {
    time = new FakeTime();
    answer = () => Promise.resolve(true);
    asked = 0;
    changes = 0;
    standing = new Standing({
      isKindThere: () => {
        asked++;
        return answer();
      },
      changed: () => changes++,
      clock: time,
      timers: time,
      log: createLog({ level: "error", format: "text", clock: time, write: () => {} }),
    });
  });

  it("is what is there; nobody is asked while nothing is missing", async () => {
    assert.deepEqual(await settledOf(one), one);
    assert.deepEqual(await settledOf({ ...one, c: 3 }), { ...one, c: 3 });
    assert.deepEqual(of({ a: 4, b: 2, c: 3 }), { a: 4, b: 2, c: 3 });
    assert.equal(asked, 0);
  });

  it("loses what was deleted, once the kind is known to be there", async () => {
    of(one);
    assert.deepEqual(of({ a: 1 }), one);
    await settled();
    assert.equal(changes, 1);
    assert.deepEqual(of({ a: 1 }), { a: 1 });
    assert.deepEqual(await settledOf({ a: 1 }), { a: 1 });
    assert.equal(asked, 1);
  });

  it("keeps what went with its kind, takes changes over, and asks at a bounded rate", async () => {
    answer = () => Promise.resolve(false);
    of({ ...one, c: 3 });
    assert.deepEqual(await settledOf({ a: 5, c: 3 }), { a: 5, b: 2, c: 3 });
    for (let look = 0; look < 10; look++) assert.deepEqual(await settledOf({}), { a: 5, b: 2, c: 3 });
    assert.equal(asked, 1);
    await time.pass(10 * askAgainMs);
    assert.equal(changes, 1, "one look is asked for, and none came");
    assert.deepEqual(await settledOf({}), { a: 5, b: 2, c: 3 });
    assert.equal(asked, 2);
  });

  it("keeps it while the kind is back without objects, and for a minute after the first of them", async () => {
    answer = () => Promise.resolve(false);
    of(one);
    await settledOf({});
    answer = () => Promise.resolve(true);
    for (let waited = 0; waited < 2 * returnMs; waited += askAgainMs) {
      await time.pass(askAgainMs);
      assert.deepEqual(await settledOf({}), one);
    }
    for (let waited = 0; waited < returnMs; waited += askAgainMs) {
      await time.pass(askAgainMs);
      assert.deepEqual(await settledOf({ a: 7 }), { a: 7, b: 2 });
    }
    await time.pass(askAgainMs);
    assert.deepEqual(await settledOf({ a: 7 }), { a: 7 });
    assert.deepEqual(await settledOf({}), {}, "deleted as ever");
  });

  it("keeps everything while nobody can tell", async () => {
    answer = () => Promise.reject(new Error("away"));
    of(one);
    assert.deepEqual(await settledOf({}), one);
    answer = () => Promise.resolve(true);
    await time.pass(askAgainMs);
    assert.deepEqual(await settledOf({}), {});
  });

  it("does not take what came back meanwhile for deleted", async () => {
    of(one);
    of({ a: 1 });
    await settled();
    assert.deepEqual(of(one), one);
    assert.deepEqual(of({ a: 1 }), one, "missing anew, and asked anew");
  });

  it("asks nothing any more when it is stopped", async () => {
    answer = () => Promise.resolve(false);
    of(one);
    await settledOf({});
    standing.stop();
    assert.equal(time.waiting, 0);
    await settledOf({});
    assert.equal(asked, 1);
  });
});
