import assert from "node:assert/strict";
import { DeltaDiscoveryRequest } from "../../../protos/gen/envoy/service/discovery/v3/discovery.ts";
import { namesPerTypeMax, refusalCharactersMax } from "../../../operator/xds/subscription.ts";
import { clusterType, extensionType, listenerType, policyType, routeType } from "../../../operator/xds/type-urls.ts";
import { AdsPeer } from "../../contract/ads-peer.ts";
import { resource, startAdsRange, type AdsRange } from "../../contract/ads-range.ts";

describe("ADS server", () => {
  let range: AdsRange;
  const peers: AdsPeer[] = [];
  const connect = (): AdsPeer => {
    const peer = new AdsPeer(range.address);
    peers.push(peer);
    return peer;
  };
  const node = { id: "proxy-1", cluster: "proxy" };

  beforeEach(async () => {
    range = await startAdsRange();
  });
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close();
    await range.stop();
  });

  it("serves every resource of a type to an empty first subscription", async () => {
    range.server.publish("proxy", [resource(clusterType, "a", "1"), resource(clusterType, "b", "2")]);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    const answer = await peer.next();
    assert.deepEqual(
      answer.resources.map(({ name, resource }) => [name, resource?.typeUrl, resource?.value.toString()]),
      [
        ["a", clusterType, "1"],
        ["b", clusterType, "2"],
      ],
    );
  });

  it("answers a wildcard subscription to an empty type, so that a proxy can start", async () => {
    range.server.publish("proxy", []);
    const peer = connect();
    peer.say({ node, typeUrl: listenerType });
    assert.deepEqual((await peer.next()).resources, []);
  });

  it("says nothing before the first publication", async () => {
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    assert.equal(await peer.unread(), 0);
    range.server.publish("proxy", [resource(clusterType, "a", "1")]);
    assert.equal((await peer.next()).resources.length, 1);
  });

  it("serves only the names subscribed to, and says which of them do not exist", async () => {
    range.server.publish("proxy", [resource(routeType, "a", "1"), resource(routeType, "b", "2")]);
    const peer = connect();
    peer.say({ node, typeUrl: routeType, resourceNamesSubscribe: ["a", "nowhere"] });
    const answer = await peer.next();
    assert.deepEqual(
      answer.resources.map(({ name }) => name),
      ["a"],
    );
    assert.deepEqual(answer.removedResources, ["nowhere"]);
  });

  it("sends a resource again to a client that subscribes to it again", async () => {
    range.server.publish("proxy", [resource(routeType, "a", "1")]);
    const peer = connect();
    peer.say({ node, typeUrl: routeType, resourceNamesSubscribe: ["a"] });
    peer.accept(await peer.next());
    peer.say({ typeUrl: routeType, resourceNamesSubscribe: ["a"] });
    assert.equal((await peer.next()).resources.length, 1);
  });

  it("sends nothing to a client that comes back with the versions it has, and only what differs otherwise", async () => {
    const [a, b] = [resource(clusterType, "a", "1"), resource(clusterType, "b", "2")];
    range.server.publish("proxy", [a, b]);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType, initialResourceVersions: { a: a.version, b: b.version } });
    assert.equal(await peer.unread(), 0);
    assert.equal(range.server.count("proxy", [a, b]).current, 1);
    const other = connect();
    other.say({ node, typeUrl: clusterType, initialResourceVersions: { a: "old", b: b.version, c: "gone" } });
    const answer = await other.next();
    assert.deepEqual(
      answer.resources.map(({ name }) => name),
      ["a"],
    );
    assert.deepEqual(answer.removedResources, ["c"]);
  });

  it("publishes equal content without sending it", async () => {
    range.server.publish("proxy", [resource(clusterType, "a", "1")]);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    peer.accept(await peer.next());
    range.server.publish("proxy", [resource(clusterType, "a", "1")]);
    assert.equal(await peer.unread(), 0);
  });

  it("keeps one answer outstanding and coalesces what changes meanwhile", async () => {
    range.server.publish("proxy", [resource(clusterType, "a", "1")]);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    const first = await peer.next();
    for (let n = 2; n < 20; n++) range.server.publish("proxy", [resource(clusterType, "a", `${n}`)]);
    assert.equal(await peer.unread(), 0);
    peer.accept(first);
    const second = await peer.next();
    assert.equal(second.resources[0]?.resource?.value.toString(), "19");
    peer.accept(second);
    assert.equal(await peer.unread(), 0);
  });

  it("ignores an answer to a nonce that is not the outstanding one", async () => {
    const a = resource(clusterType, "a", "1");
    range.server.publish("proxy", [a]);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    const answer = await peer.next();
    peer.say({ typeUrl: clusterType, responseNonce: "999" });
    assert.equal(await peer.unread(), 0);
    assert.equal(range.server.count("proxy", [a]).current, 0);
    peer.accept(answer);
    await peer.unread();
    assert.equal(range.server.count("proxy", [a]).current, 1);
  });

  it("sends the resources of a refused answer one by one, so that only the bad one stays refused", async () => {
    const [good, bad] = [resource(clusterType, "good", "1"), resource(clusterType, "bad", "2")];
    range.server.publish("proxy", [good, bad]);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    peer.refuse(await peer.next(), "no");
    for (let n = 0; n < 2; n++) {
      const answer = await peer.next();
      assert.equal(answer.resources.length, 1);
      if (answer.resources[0]?.name === "bad") peer.refuse(answer, `bad ${"x".repeat(5_000)}\nsecond line`);
      else peer.accept(answer);
    }
    assert.equal(await peer.unread(), 0, "a refused resource is not sent again");
    assert.deepEqual({ ...range.server.count("proxy", [good]) }, { current: 1, total: 1, rejected: 0, message: "" });
    const refused = range.server.count("proxy", [bad]);
    assert.deepEqual([refused.current, refused.rejected], [0, 1]);
    assert.ok(refused.message.startsWith("bad x"));
    assert.ok(refused.message.length <= refusalCharactersMax + 1);
    range.server.publish("proxy", [good, resource(clusterType, "bad", "3")]);
    assert.equal((await peer.next()).resources[0]?.resource?.value.toString(), "3");
  });

  it("sends clusters before what points at them, and takes them away last", async () => {
    range.server.publish("proxy", []);
    const peer = connect();
    peer.say({ node, typeUrl: listenerType });
    peer.say({ node, typeUrl: clusterType });
    peer.accept(await peer.next());
    peer.accept(await peer.next());
    peer.say({ typeUrl: routeType, resourceNamesSubscribe: ["r"] });
    peer.accept(await peer.next());
    const all = [resource(routeType, "r", "1"), resource(listenerType, "l", "1"), resource(clusterType, "c", "1")];
    await peer.unread();
    range.server.publish("proxy", all);
    const order: string[] = [];
    for (let n = 0; n < 3; n++) {
      const answer = await peer.next();
      order.push(answer.typeUrl);
      peer.accept(answer);
    }
    assert.deepEqual(order, [clusterType, listenerType, routeType]);
    await peer.unread();
    range.server.publish("proxy", []);
    const removal = await peer.next();
    assert.deepEqual([removal.typeUrl, removal.removedResources], [listenerType, ["l"]]);
    assert.equal(await peer.unread(), 0, "nothing else goes before the listener is gone");
    peer.accept(removal);
    const route = await peer.next();
    assert.deepEqual([route.typeUrl, route.removedResources], [routeType, ["r"]]);
    assert.equal(await peer.unread(), 0);
    peer.accept(route);
    const cluster = await peer.next();
    assert.deepEqual([cluster.typeUrl, cluster.removedResources], [clusterType, ["c"]]);
  });

  it("gives a scorer its own type and nothing of the proxies', and a stranger nothing", async () => {
    range.server.publish("proxy", [resource(clusterType, "a", "1"), resource(extensionType, "e", "1")]);
    range.server.publish("scorer", [resource(policyType, "bank/a", "p")]);
    const scorer = connect();
    scorer.say({ node: { id: "s", cluster: "scorer" }, typeUrl: clusterType });
    scorer.say({ typeUrl: policyType });
    assert.equal((await scorer.next()).typeUrl, policyType);
    assert.equal(await scorer.unread(), 0);
    const stranger = connect();
    stranger.say({ node: { id: "s", cluster: "elsewhere" }, typeUrl: policyType });
    stranger.say({ typeUrl: clusterType });
    assert.equal(await stranger.unread(), 0);
  });

  it("sends a large change in several answers", async () => {
    const big = Array.from({ length: 5 }, (_, n) => resource(policyType, `p${n}`, Buffer.alloc(1 << 20, n)));
    range.server.publish("scorer", big);
    const peer = connect();
    peer.say({ node: { id: "s", cluster: "scorer" }, typeUrl: policyType });
    const names: string[] = [];
    while (names.length < 5) {
      const answer = await peer.next();
      assert.ok(answer.resources.length <= 2);
      names.push(...answer.resources.map(({ name }) => name));
      peer.accept(answer);
    }
    assert.deepEqual(names.toSorted(), ["p0", "p1", "p2", "p3", "p4"]);
  });

  it("ends a stream that subscribes to more names than it may", async () => {
    range.server.publish("proxy", []);
    const peer = connect();
    const names = Array.from({ length: namesPerTypeMax + 1 }, (_, n) => `r${n}`);
    peer.say({ node, typeUrl: routeType, resourceNamesSubscribe: names });
    await peer.ended();
    const other = connect();
    other.say({ node, typeUrl: clusterType });
    await other.next();
  });

  it("survives bytes that are not a request", async () => {
    range.server.publish("proxy", []);
    const handler = range.server.method.open({
      send: () => true,
      end: () => undefined,
      peer: "test",
      authorization: undefined,
    });
    assert.throws(() => handler.message(Buffer.from([0xff, 0xff, 0xff])));
    handler.closed();
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    await peer.next();
  });

  it("holds back while the socket is full and then sends only the latest", () => {
    const sent: Uint8Array[] = [];
    let takes = false;
    const handler = range.server.method.open({
      send: (bytes) => (sent.push(bytes), takes),
      end: () => undefined,
      peer: "test",
      authorization: undefined,
    });
    range.server.publish("proxy", [resource(clusterType, "a", "1"), resource(listenerType, "l", "1")]);
    handler.message(request({ node, typeUrl: clusterType }));
    handler.message(request({ typeUrl: listenerType }));
    assert.equal(sent.length, 1, "the second type waits for the socket");
    for (let n = 0; n < 10; n++) range.server.publish("proxy", [resource(listenerType, "l", `${n}`)]);
    takes = true;
    handler.drained?.();
    assert.equal(sent.length, 2);
    assert.ok(Buffer.from(sent[1]!).includes(resource(listenerType, "l", "9").version));
    handler.closed();
  });

  it("counts each node once, by its newest stream, and forgets one that is gone", async () => {
    const a = resource(clusterType, "a", "1");
    range.server.publish("proxy", [a]);
    const old = connect();
    old.say({ node, typeUrl: clusterType });
    old.accept(await old.next());
    await old.unread();
    assert.deepEqual({ ...range.server.count("proxy", [a]) }, { current: 1, total: 1, rejected: 0, message: "" });
    const fresh = connect();
    fresh.say({ node, typeUrl: clusterType });
    await fresh.next();
    assert.deepEqual({ ...range.server.count("proxy", [a]) }, { current: 0, total: 1, rejected: 0, message: "" });
    fresh.close();
    old.close();
    await fresh.unread();
    assert.equal(range.server.count("proxy", [a]).total, 0);
  });

  it("counts what became of its answers", async () => {
    range.server.publish("proxy", [resource(clusterType, "a", "1")]);
    const peer = connect();
    peer.say({ node, typeUrl: clusterType });
    peer.refuse(await peer.next(), "no");
    await peer.unread();
    const text = await range.registry.metrics();
    assert.match(text, /picket_config_applies_total\{result="rejected"\} 1/);
    assert.match(text, /picket_xds_answers_total\{type="cluster",result="sent"\} 1/);
  });
});

function request(partial: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]): Uint8Array {
  return DeltaDiscoveryRequest.encode(DeltaDiscoveryRequest.fromPartial(partial)).finish();
}
