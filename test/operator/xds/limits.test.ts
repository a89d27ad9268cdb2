import assert from "node:assert/strict";
import { createXdsMetrics } from "../../../operator/xds/metrics.ts";
import { clusterLimits, createAdsServer, type AdsServer } from "../../../operator/xds/server.ts";
import { requestPartBytes, requestsBurst, requestsPerSecond, type Identified } from "../../../operator/xds/stream.ts";
import { clusterType, proxyTypes, routeType } from "../../../operator/xds/type-urls.ts";
import type { ExchangeHandler } from "../../../platform/grpc.ts";
import { Registry } from "../../../platform/metrics.ts";
import { DeltaDiscoveryRequest } from "../../../protos/gen/envoy/service/discovery/v3/discovery.ts";
import { resource, silentLog } from "../../contract/ads-range.ts";

interface Client {
  readonly handler: ExchangeHandler;
  readonly sent: Uint8Array[];
  /** How the server ended the stream; undefined while it goes on. */
  ended: string | undefined;
}

describe("ADS server in a cluster", () => {
  let nowMs: number;
  let random: number;
  let server: AdsServer;
  let identify: (id: string) => Identified | Promise<Identified>;
  const group = "proxy|bank/accounts|1";

  beforeEach(() => {
    nowMs = 0;
    random = 0;
    identify = (id) => ({ group, identity: id });
    server = createAdsServer({
      kinds: new Map([["proxy", proxyTypes]]),
      identify: ({ id }) => identify(id),
      limits: clusterLimits,
      random: () => random,
      metrics: createXdsMetrics(new Registry()),
      log: silentLog,
      clock: { now: () => nowMs, monotonic: () => nowMs },
      changed: () => undefined,
    });
    server.publish(group, [resource(clusterType, "a", "1")]);
    server.publish("proxy|bank/other|1", [resource(clusterType, "secret", "2")]);
  });

  const open = (peer = "10.0.0.1:1000"): Client => {
    const state: Omit<Client, "handler"> = { sent: [], ended: undefined };
    const handler = server.method.open({
      send: (bytes) => state.sent.push(bytes) > 0,
      end: (refusal) => (state.ended = refusal ?? "well"),
      peer,
      authorization: undefined,
    });
    return Object.assign(state, { handler });
  };
  const say = (
    { handler }: Client,
    id: string,
    request: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0] = { typeUrl: clusterType },
  ): void =>
    handler.message(
      DeltaDiscoveryRequest.encode(
        DeltaDiscoveryRequest.fromPartial({ node: { id, cluster: "picket-proxy" }, ...request }),
      ).finish(),
    );

  it("lets one address have only so many streams that say nothing, and other addresses theirs", () => {
    const silent = Array.from({ length: 10_000 }, (_, port) => open(`10.0.0.1:${port}`));
    assert.equal(silent.filter(({ ended }) => ended === undefined).length, clusterLimits.strangersPerAddress);
    const other = open("10.0.0.2:1");
    say(other, "b");
    assert.equal(other.sent.length, 1);
  });

  it("counts a client whose identity is being asked for as a stranger until it is known", async () => {
    const { promise, resolve } = Promise.withResolvers<Identified>();
    identify = () => promise;
    for (let port = 0; port < clusterLimits.strangersPerAddress; port++) say(open(`10.0.0.1:${port}`), `n${port}`);
    assert.equal(open().ended, "exhausted");
    resolve({ group });
    await promise;
    await Promise.resolve();
    assert.equal(open().ended, undefined);
  });

  it("ends a stream whose client does not say in time who it is", () => {
    const silent = open();
    const honest = open("10.0.0.2:1");
    say(honest, "b");
    nowMs = clusterLimits.strangerMsMax;
    server.sweep();
    assert.deepEqual([silent.ended, honest.ended], ["well", undefined]);
  });

  it("lets the oldest stream of an identity give way to a newer one", () => {
    const clients = Array.from({ length: clusterLimits.streamsPerIdentity + 2 }, () => {
      const client = open();
      say(client, "one");
      return client;
    });
    const other = open();
    say(other, "two");
    const ended = clients.map((client) => client.ended);
    assert.deepEqual(ended, ["well", "well", undefined, undefined, undefined, undefined]);
    assert.equal(other.ended, undefined);
    assert.equal(server.count(group, []).total, 2);
  });

  it("ends streams that are old, not all at the same time", () => {
    const early = open();
    say(early, "early");
    random = 1;
    const late = open();
    say(late, "late");
    nowMs = clusterLimits.ageMsMin - 1;
    server.sweep();
    assert.deepEqual([early.ended, late.ended], [undefined, undefined]);
    nowMs = clusterLimits.ageMsMin;
    server.sweep();
    assert.deepEqual([early.ended, late.ended], ["well", undefined]);
    nowMs = clusterLimits.ageMsMax;
    server.sweep();
    assert.equal(late.ended, "well");
  });

  it("ends a stream that asks and answers more often than it may, and one that sends more than it may", () => {
    const storm = open();
    for (let i = 0; i <= requestsBurst; i++) say(storm, "storm", { typeUrl: clusterType, responseNonce: "old" });
    assert.equal(storm.ended, "exhausted");
    const large = open();
    const padding = "x".repeat(requestPartBytes * 1_000);
    for (let i = 0; i <= requestsBurst / 1_000; i++) {
      say(large, "large", { typeUrl: clusterType, errorDetail: { message: padding } });
    }
    assert.equal(large.ended, "exhausted");
    const steady = open();
    for (let i = 0; i < 2 * requestsBurst; i++) {
      nowMs += Math.ceil(1000 / requestsPerSecond);
      say(steady, "steady", { typeUrl: clusterType, responseNonce: "old" });
    }
    assert.equal(steady.ended, undefined);
  });

  it("tells nobody of what is not of its group: neither to a wildcard nor to a name", () => {
    const client = open();
    say(client, "one");
    say(client, "one", { typeUrl: routeType, resourceNamesSubscribe: ["secret", "nowhere"] });
    say(client, "one", { typeUrl: clusterType, resourceNamesSubscribe: ["secret"] });
    assert.ok(!client.sent.some((bytes) => Buffer.from(bytes).includes("bank/other")));
    const [first] = client.sent;
    assert.ok(first !== undefined && !Buffer.from(first).includes("secret"));
  });
});
