import assert from "node:assert/strict";
import { Bucket } from "../../../operator/kube/bucket.ts";
import { FakeTime } from "./fake-time.ts";

describe("a bucket", () => {
  it("gives its burst at once and then one token for each interval", () => {
    const bucket = new Bucket({ perSecond: 10, burst: 3, clock: new FakeTime() });
    assert.deepEqual(
      Array.from({ length: 6 }, () => bucket.reserveMs()),
      [0, 0, 0, 100, 200, 300],
    );
  });

  it("fills up again, and never beyond its burst", async () => {
    const time = new FakeTime();
    const bucket = new Bucket({ perSecond: 10, burst: 2, clock: time });
    bucket.reserveMs();
    bucket.reserveMs();
    await time.pass(60_000);
    assert.deepEqual([bucket.reserveMs(), bucket.reserveMs(), bucket.reserveMs()], [0, 0, 100]);
  });

  it("gives nothing while it is closed, and its burst afterwards", async () => {
    const time = new FakeTime();
    const bucket = new Bucket({ perSecond: 10, burst: 2, clock: time });
    bucket.close(1_000);
    assert.deepEqual([bucket.reserveMs(), bucket.reserveMs(), bucket.reserveMs()], [1_000, 1_000, 1_100]);
    await time.pass(5_000);
    assert.equal(bucket.reserveMs(), 0);
  });
});
