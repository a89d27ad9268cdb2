import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  adsResourcesMax,
  reconnectMsMax,
  reconnectMsMin,
  reconnectWaitMs,
  subscribe,
  type AdsResource,
  type AdsOutcome,
  type AdsSubscription,
} from "../../platform/ads-client.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Address } from "../../platform/config.ts";
import { policyType } from "../../operator/xds/type-urls.ts";
import { resource, startAdsRange, type AdsRange } from "../contract/ads-range.ts";
import { Authority, SwappableTls } from "./authority.ts";

describe("ADS client", () => {
  let folder: string;
  let address: Address;
  let range: AdsRange | undefined;
  let subscription: AdsSubscription | undefined;
  let changes: { added: readonly AdsResource[]; removed: readonly string[] }[];
  let answer: (added: readonly AdsResource[]) => AdsOutcome;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ads-"));
    address = { host: "", port: 0, path: join(folder, "ads.sock") };
    changes = [];
    answer = () => ({ accepted: true });
  });
  afterEach(async () => {
    subscription?.stop();
    await range?.stop();
    range = undefined;
    rmSync(folder, { recursive: true });
  });

  const start = (): AdsSubscription =>
    (subscription = subscribe({
      address,
      typeUrl: policyType,
      nodeId: "scorer-1",
      nodeCluster: "scorer",
      clock: systemClock,
      random: () => 0,
      onChange: (added, removed) => {
        changes.push({ added, removed });
        return answer(added);
      },
    }));

  it("takes over what is published, and what is removed", async () => {
    range = await startAdsRange(address);
    const p = resource(policyType, "bank/a", "one");
    range.server.publish("scorer", [p]);
    const client = start();
    await until(() => changes.length === 1);
    assert.equal(Buffer.from(changes[0]!.added[0]!.bytes).toString(), "one");
    await until(() => range!.server.count("scorer", [p]).current === 1);
    assert.ok(client.isConnected);
    assert.ok(client.appliedAgeMs() < 5_000);
    range.server.publish("scorer", []);
    await until(() => changes.length === 2);
    assert.deepEqual(changes[1]!.removed, ["bank/a"]);
  });

  it("refuses with a reason what it cannot take over, and what throws", async () => {
    range = await startAdsRange(address);
    const p = resource(policyType, "bank/a", "one");
    range.server.publish("scorer", [p]);
    answer = () => ({ accepted: false, message: "rule r does not compile" });
    start();
    await until(() => range!.server.count("scorer", [p]).rejected === 1);
    assert.equal(range.server.count("scorer", [p]).message, "rule r does not compile");
    answer = () => {
      throw new Error("fault");
    };
    const q = resource(policyType, "bank/a", "two");
    range.server.publish("scorer", [q]);
    await until(() => range!.server.count("scorer", [q]).rejected === 1);
    assert.equal(range.server.count("scorer", [q]).message, "fault");
  });

  it("needs no server to start, comes back after one was away, and is told only what it lacks", async () => {
    const client = start();
    assert.equal(client.contactAgeMs(), Number.POSITIVE_INFINITY);
    const [a, b] = [resource(policyType, "bank/a", "one"), resource(policyType, "bank/b", "two")];
    range = await startAdsRange(address);
    range.server.publish("scorer", [a]);
    await until(() => changes.length === 1, 8_000);
    await range.stop();
    await until(() => !client.isConnected);
    range = await startAdsRange(address);
    range.server.publish("scorer", [a, b]);
    await until(() => changes.length === 2, 8_000);
    assert.deepEqual(
      changes[1]!.added.map(({ name }) => name),
      ["bank/b"],
    );
    await until(() => range!.server.count("scorer", [a, b]).current === 1);
  });

  it("refuses whole an answer that would make it hold more resources than it may", async () => {
    range = await startAdsRange(address);
    const names = Array.from({ length: adsResourcesMax + 1 }, (_, i) => `ns/w${i}`);
    range.server.publish(
      "scorer",
      names.map((name) => resource(policyType, name, "")),
    );
    start();
    const rejected = /^picket_config_applies_total\{result="rejected"\} [1-9]/m;
    let isRejected = false;
    await until(() => {
      void range!.registry.metrics().then((text) => (isRejected = rejected.test(text)));
      return isRejected;
    }, 8_000);
    assert.deepEqual(
      changes.filter(({ added }) => added.length > 1),
      [],
    );
  });

  describe("with TLS and a token", () => {
    let authority: Authority;
    let caFile: string;
    let tokenFile: string;
    let shown: (string | undefined)[];
    let reasons: string[];

    before(async () => {
      authority = await Authority.create("ours");
    });
    beforeEach(() => {
      address = { host: "localhost", port: 0, path: "" };
      caFile = join(folder, "ca.crt");
      tokenFile = join(folder, "token");
      writeFileSync(tokenFile, "first\n");
      shown = [];
      reasons = [];
    });

    const serve = async (by: Authority): Promise<void> => {
      const tls = new SwappableTls(await by.issue());
      const identify = (_node: unknown, authorization: string | undefined) => {
        shown.push(authorization);
        return { group: "scorer" };
      };
      range = await startAdsRange(address, identify, tls);
      address = range.address;
      range.server.publish("scorer", [resource(policyType, "bank/a", "one")]);
    };
    const connect = (): AdsSubscription =>
      (subscription = subscribe({
        address,
        typeUrl: policyType,
        nodeId: "scorer-1",
        nodeCluster: "scorer",
        credentials: { caFile, tokenFile },
        clock: systemClock,
        random: () => 0,
        onChange: (added, removed) => {
          changes.push({ added, removed });
          return { accepted: true };
        },
        onDisconnect: (reason) => reasons.push(reason),
      }));

    it("shows the token of now to a server that it trusts", async () => {
      writeFileSync(caFile, authority.pem);
      await serve(authority);
      const client = connect();
      await until(() => changes.length === 1);
      assert.deepEqual(shown, ["Bearer first"]);
      writeFileSync(tokenFile, "second\n");
      range!.server.close();
      await until(() => shown.length === 2, 8_000);
      assert.equal(shown[1], "Bearer second");
      assert.ok(client.contactAgeMs() < 5_000);
    });

    it("shows nothing to a server of another authority, and comes back once its bundle names that one too", async () => {
      const other = await Authority.create("theirs");
      writeFileSync(caFile, authority.pem);
      await serve(other);
      connect();
      await until(() => reasons.length > 0, 8_000);
      assert.match(reasons[0] ?? "", /certificate|issuer/i);
      assert.deepEqual([shown, changes], [[], []]);
      writeFileSync(caFile, authority.pem + other.pem);
      await until(() => changes.length === 1, 8_000);
    });

    it("waits for files that are not there yet", async () => {
      await serve(authority);
      connect();
      assert.match(reasons[0] ?? "", /ca\.crt/);
      writeFileSync(caFile, authority.pem);
      await until(() => changes.length === 1, 8_000);
    });
  });

  it("waits longer after each failure, within its bounds", () => {
    for (let failures = 0; failures < 50; failures++) {
      for (const random of [0, 0.5, 0.999]) {
        const wait = reconnectWaitMs(failures, random);
        assert.ok(wait >= reconnectMsMin && wait <= reconnectMsMax, `${failures} ${random} ${wait}`);
      }
    }
    assert.ok(reconnectWaitMs(4, 0.5) > reconnectWaitMs(0, 0.5));
  });
});

async function until(done: () => boolean, waitMs = 3_000): Promise<void> {
  const end = Date.now() + waitMs;
  while (!done()) {
    if (Date.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
