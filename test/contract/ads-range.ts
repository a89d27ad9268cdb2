import { createHash } from "node:crypto";
import { createAdsServer, requestBytesMax, type AdsServer, type ClientLimits } from "../../operator/xds/server.ts";
import { createXdsMetrics, type XdsMetrics } from "../../operator/xds/metrics.ts";
import type { PublishedResource } from "../../operator/xds/resource-set.ts";
import type { Identify } from "../../operator/xds/stream.ts";
import { proxyTypes, scorerTypes } from "../../operator/xds/type-urls.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Address } from "../../platform/config.ts";
import { createGrpcServer } from "../../platform/grpc.ts";
import { createLog } from "../../platform/log.ts";
import type { ServerTls } from "../../platform/tls.ts";
import { Registry } from "../../platform/metrics.ts";

/** A log that nobody reads. */
export const silentLog = createLog({ level: "error", format: "text", clock: systemClock, write: () => undefined });

export interface AdsRange {
  readonly server: AdsServer;
  readonly metrics: XdsMetrics;
  readonly registry: Registry;
  readonly address: Address;
  changes(): number;
  stop(): Promise<void>;
}

/** The real server on a port of its own; groups `proxy` and `scorer` by the name of the node's cluster. */
export async function startAdsRange(
  address: Address = { host: "127.0.0.1", port: 0, path: "" },
  identify: Identify = ({ cluster }) => (cluster === "proxy" || cluster === "scorer" ? { group: cluster } : undefined),
  tls?: ServerTls,
  limits?: ClientLimits,
): Promise<AdsRange> {
  const registry = new Registry();
  const metrics = createXdsMetrics(registry);
  let changes = 0;
  const server = createAdsServer({
    kinds: new Map([
      ["proxy", proxyTypes],
      ["scorer", scorerTypes],
    ]),
    identify,
    limits,
    metrics,
    log: silentLog,
    clock: systemClock,
    changed: () => changes++,
  });
  const grpc = createGrpcServer({ exchange: [server.method] }, { messageBytesMax: requestBytesMax, tls });
  const bound = await grpc.start(address);
  return {
    server,
    metrics,
    registry,
    address: bound,
    changes: () => changes,
    stop: async () => {
      server.close();
      await grpc.stop(200);
    },
  };
}

export function resource(typeUrl: string, name: string, content: string | Uint8Array): PublishedResource {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return { typeUrl, name, version: createHash("sha256").update(bytes).digest("hex").slice(0, 16), bytes };
}
