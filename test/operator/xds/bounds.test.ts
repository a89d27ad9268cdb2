import assert from "node:assert/strict";
import { createAdsServer, streamsMax, type AdsServer } from "../../../operator/xds/server.ts";
import { createXdsMetrics } from "../../../operator/xds/metrics.ts";
import { drainWaitMsMax, nodeIdCharactersMax, typesPerStreamMax, AdsStream } from "../../../operator/xds/stream.ts";
import { clusterType, proxyTypes } from "../../../operator/xds/type-urls.ts";
import type { ExchangeHandler } from "../../../platform/grpc.ts";
import { Registry } from "../../../platform/metrics.ts";
import { DeltaDiscoveryRequest } from "../../../protos/gen/envoy/service/discovery/v3/discovery.ts";
import { resource, silentLog } from "../../contract/ads-range.ts";

describe("bounds of the ADS server", () => {
  let registry: Registry;
  let server: AdsServer;
  let nowMs: number;
  let ended: number;

  beforeEach(() => {
    registry = new Registry();
    nowMs = 0;
    ended = 0;
    server = createAdsServer({
      kinds: new Map([["proxy", proxyTypes]]),
      identify: () => ({ group: "proxy" }),
      metrics: createXdsMetrics(registry),
      log: silentLog,
      clock: { now: () => nowMs, monotonic: () => nowMs },
      changed: () => undefined,
    });
  });

  const open = (takes = true): ExchangeHandler =>
    server.method.open({ send: () => takes, end: () => ended++, peer: "test", authorization: undefined });
  const say = (stream: ExchangeHandler, typeUrl: string, id = "proxy-1"): void =>
    stream.message(
      DeltaDiscoveryRequest.encode(
        DeltaDiscoveryRequest.fromPartial({ node: { id, cluster: "proxy" }, typeUrl }),
      ).finish(),
    );
  const refusals = async (cause: string): Promise<number> => {
    const line = new RegExp(`^picket_xds_refusals_total\\{cause="${cause}"\\} (\\d+)$`, "m");
    return Number(line.exec(await registry.metrics())?.[1] ?? 0);
  };

  it("ends streams beyond its bound at once, and takes new ones when some are gone", async () => {
    const streams = Array.from({ length: streamsMax }, () => open());
    assert.equal(ended, 0);
    open().closed();
    assert.equal(ended, 1);
    assert.equal(await refusals("streams"), 1);
    streams[0]!.closed();
    open();
    assert.equal(ended, 1);
  });

  it("ends a stream that names more types than it may", async () => {
    const stream = open();
    for (let i = 0; i < typesPerStreamMax; i++) say(stream, `type.googleapis.com/t${i}`);
    assert.equal(ended, 0);
    say(stream, "type.googleapis.com/more");
    assert.equal(ended, 1);
    assert.equal(await refusals("bound"), 1);
  });

  it("keeps only so much of the name that a client gives itself", () => {
    const stream = open();
    say(stream, clusterType, "n".repeat(10 * nodeIdCharactersMax));
    assert.ok(stream instanceof AdsStream);
    assert.equal(stream.node?.id.length, nodeIdCharactersMax);
  });

  it("ends a stream whose client has stopped reading for too long, and no other", async () => {
    server.publish("proxy", [resource(clusterType, "a", "1")]);
    const [slow, slowThenFast] = [open(false), open(false)];
    say(slow, clusterType, "slow");
    say(slowThenFast, clusterType, "fast");
    say(open(), clusterType, "idle");
    nowMs = drainWaitMsMax - 1;
    server.sweep();
    assert.equal(ended, 0);
    slowThenFast.drained?.();
    nowMs = drainWaitMsMax;
    server.sweep();
    assert.equal(ended, 1);
    assert.equal(await refusals("slow"), 1);
  });
});
