import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { clusterLimits } from "../../../operator/xds/server.ts";
import { waitingMessagesMax, type Identified, type Identify } from "../../../operator/xds/stream.ts";
import { clusterType, routeType } from "../../../operator/xds/type-urls.ts";
import { AdsPeer } from "../../contract/ads-peer.ts";
import { resource, startAdsRange, type AdsRange } from "../../contract/ads-range.ts";

describe("identity of an ADS client", () => {
  let range: AdsRange;
  const peers: AdsPeer[] = [];
  const node = { id: "n", cluster: "proxy" };
  const start = async (identify: Identify): Promise<void> => {
    range = await startAdsRange(undefined, identify);
    range.server.publish("proxy", [resource(clusterType, "a", "1"), resource(routeType, "r", "2")]);
  };
  const connect = (authorization?: string): AdsPeer => {
    const peer = new AdsPeer(range.address, authorization);
    peers.push(peer);
    return peer;
  };
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close();
    await range.stop();
  });

  it("is asked once per stream, with what proves it", async () => {
    const asked: unknown[] = [];
    await start((name, authorization, peer) => {
      asked.push([name, authorization, peer.startsWith("127.0.0.1:")]);
      return { group: "proxy" };
    });
    const peer = connect("Bearer secret");
    peer.say({ node, typeUrl: clusterType });
    peer.accept(await peer.next());
    assert.deepEqual(asked, [[node, "Bearer secret", true]]);
  });

  it("is awaited: what the client says meanwhile is kept and answered in order", async () => {
    const { promise, resolve } = Promise.withResolvers<Identified>();
    await start(() => promise);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    peer.say({ typeUrl: routeType });
    assert.equal(await peer.unread(), 0);
    resolve({ group: "proxy" });
    assert.equal((await peer.next()).typeUrl, clusterType);
    assert.equal((await peer.next()).typeUrl, routeType);
    assert.equal(range.server.count("proxy", []).total, 1);
  });

  for (const [refusal, code] of [
    ["unauthenticated", status.UNAUTHENTICATED],
    ["denied", status.PERMISSION_DENIED],
    ["unavailable", status.UNAVAILABLE],
    ["exhausted", status.RESOURCE_EXHAUSTED],
  ] as const) {
    it(`that is refused as ${refusal} ends the stream with that status and nothing else`, async () => {
      await start(() => Promise.resolve({ refusal }));
      const peer = connect();
      peer.say({ node, typeUrl: clusterType });
      await peer.ended();
      assert.equal(peer.status, code);
      assert.deepEqual(peer.answers, []);
    });
  }

  it("that cannot be found out ends the stream as unavailable", async () => {
    await start(() => Promise.reject(new Error("down")));
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    await peer.ended();
    assert.equal(peer.status, status.UNAVAILABLE);
  });

  it("that is not known yet bounds what the client may say", async () => {
    await start(() => new Promise(() => undefined));
    const peer = connect();
    for (let n = 0; n <= waitingMessagesMax; n++) peer.say({ node, typeUrl: clusterType });
    await peer.ended();
    assert.equal(peer.status, status.RESOURCE_EXHAUSTED);
  });

  it("that is one too many is refused at the opening of its stream, before it says anything", async () => {
    range = await startAdsRange(undefined, () => undefined, undefined, { ...clusterLimits, strangersPerAddress: 1 });
    const first = connect();
    await first.unread();
    const second = connect();
    await second.ended();
    assert.deepEqual([first.isEnded, second.status], [false, status.RESOURCE_EXHAUSTED]);
  });

  it("that becomes known after the client has gone changes nothing", async () => {
    const { promise, resolve } = Promise.withResolvers<Identified>();
    await start(() => promise);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    await peer.unread();
    peer.close();
    await peer.ended();
    await new Promise((done) => setTimeout(done, 50));
    resolve({ group: "proxy" });
    await promise;
    assert.equal(range.server.count("proxy", []).total, 0);
  });
});
