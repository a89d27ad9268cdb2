import type { Clock } from "../../platform/clock.ts";
import type { ExchangeMethod } from "../../platform/grpc.ts";
import type { Log } from "../../platform/log.ts";
import type { XdsMetrics } from "./metrics.ts";
import { resourceSet, type PublishedResource, type ResourceSet } from "./resource-set.ts";
import { AdsStream, drainWaitMsMax, type Identify, type StreamEvents } from "./stream.ts";
import { cutRefusal } from "./subscription.ts";
import { shortTypeName } from "./type-urls.ts";

/** Streams held at a time; further ones are ended at once and come back with their back-off. */
export const streamsMax = 4_096;

/** Largest request taken: the versions of ten thousand resources fit. */
export const requestBytesMax = 4 << 20;

const deltaMethodPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

export interface AdsServerOptions {
  /** Kinds of groups and the types that each may ask for. A group is named `kind` or `kind|anything`. */
  readonly kinds: ReadonlyMap<string, readonly string[]>;
  /** Who a client is, by the name it gives itself and what proves it. */
  readonly identify: Identify;
  readonly metrics: XdsMetrics;
  readonly log: Log;
  readonly clock: Clock;
  /** Called after anything that changes what `count` answers. */
  readonly changed: () => void;
}

/** How many clients of a group run a list of resources. */
export interface Running {
  readonly current: number;
  readonly total: number;
  readonly rejected: number;
  /** Why the first one refused, cut. Empty when none did. */
  readonly message: string;
}

export interface AdsServer {
  readonly method: ExchangeMethod;
  /** Replaces everything that a group is served. What is equal is not sent again. */
  publish(group: string, resources: readonly PublishedResource[]): void;
  /** Groups that are published. */
  published(): readonly string[];
  /** Forgets a group that nobody is connected to; false while somebody is, who then keeps what it has. */
  retire(group: string): boolean;
  count(group: string, resources: readonly PublishedResource[]): Running;
  /** Ends streams whose clients stopped reading. Called every few seconds. */
  sweep(): void;
  /** Ends every stream. */
  close(): void;
}

/** A delta ADS server that knows nothing of the resources it serves. */
export function createAdsServer(options: AdsServerOptions): AdsServer {
  const { metrics, log, clock, changed } = options;
  const published = new Map<string, ResourceSet>();
  const streams = new Set<AdsStream>();
  const streamsOf = new Map<string, Set<AdsStream>>();
  const events: StreamEvents = {
    identify: options.identify,
    published: (group) => published.get(group),
    named: (stream) => {
      if (stream.group !== undefined) {
        const group = streamsOf.get(stream.group) ?? new Set();
        streamsOf.set(stream.group, group.add(stream));
      }
      log.info("client connected", { group: stream.group ?? "none", node: stream.node?.id });
      countStreams();
      changed();
    },
    sent: (typeUrl) => metrics.answers.inc({ type: shortTypeName(typeUrl), result: "sent" }),
    settled: (stream, typeUrl, outcome, message) => {
      metrics.answers.inc({ type: shortTypeName(typeUrl), result: outcome.kind });
      if (outcome.kind === "stale") return;
      metrics.applies.inc({ result: outcome.kind });
      if (outcome.kind === "rejected") {
        log.warn("client refused what it was sent", {
          node: stream.node?.id,
          type: shortTypeName(typeUrl),
          resources: outcome.resources.slice(0, 8).map(({ name }) => name),
          reason: cutRefusal(message),
        });
      } else {
        for (const { publishedMs } of outcome.resources) {
          if (publishedMs < stream.openedMs) continue;
          metrics.propagationSeconds.observe(Math.max(0, clock.now() - publishedMs) / 1000);
        }
      }
      changed();
    },
    refused: (cause) => metrics.refusals.inc({ cause }),
    closed: (stream) => {
      if (!streams.delete(stream)) return;
      const group = streamsOf.get(stream.group ?? "");
      if (group?.delete(stream) && group.size === 0) streamsOf.delete(stream.group ?? "");
      log.info("client gone", { group: stream.group ?? "none", node: stream.node?.id });
      countStreams();
      changed();
    },
  };

  const countStreams = (): void => {
    const counts = new Map([...options.kinds.keys()].map((kind) => [kind, 0]));
    for (const [group, members] of streamsOf)
      counts.set(kindOf(group), (counts.get(kindOf(group)) ?? 0) + members.size);
    for (const [group, count] of counts) metrics.streams.set({ group }, count);
  };

  /** One stream for each node: while a node reconnects, the newer one speaks for it. */
  const members = (group: string): readonly AdsStream[] => {
    const byNode = new Map<string, AdsStream>();
    for (const stream of streamsOf.get(group) ?? []) byNode.set(stream.node?.id ?? "", stream);
    return [...byNode.values()];
  };

  const method: ExchangeMethod = {
    path: deltaMethodPath,
    open: (exchange) => {
      const stream = new AdsStream(exchange, events, { openedMs: clock.now(), monotonic: () => clock.monotonic() });
      if (streams.size >= streamsMax) {
        metrics.refusals.inc({ cause: "streams" });
        stream.end();
        return stream;
      }
      streams.add(stream);
      return stream;
    },
    onFault: (error) => {
      metrics.refusals.inc({ cause: "fault" });
      log.error("fault in an ADS stream", { error });
    },
  };

  return {
    method,
    publish: (group, resources) => {
      const types = options.kinds.get(kindOf(group)) ?? [];
      const set = resourceSet(types, resources, published.get(group) ?? new Map(), clock.now());
      published.set(group, set);
      for (const stream of streamsOf.get(group) ?? []) stream.push();
    },
    published: () => [...published.keys()],
    retire: (group) => {
      if (streamsOf.has(group)) return false;
      published.delete(group);
      return true;
    },
    count: (group, resources) => {
      const all = members(group);
      let current = 0;
      let rejected = 0;
      let message = "";
      for (const stream of all) {
        const refusal = resources.map(({ typeUrl, name, version }) => {
          const held = stream.rejected(typeUrl, name);
          return held?.version === version ? held : undefined;
        });
        const first = refusal.find((one) => one !== undefined);
        if (first !== undefined) {
          rejected++;
          message ||= first.message;
        } else if (resources.every(({ typeUrl, name, version }) => stream.accepted(typeUrl, name) === version)) {
          current++;
        }
      }
      return { current, total: all.length, rejected, message };
    },
    sweep: () => {
      const now = clock.monotonic();
      for (const stream of streams) {
        if (stream.blockedSince === undefined || now - stream.blockedSince < drainWaitMsMax) continue;
        metrics.refusals.inc({ cause: "slow" });
        stream.end();
      }
    },
    close: () => {
      for (const stream of streams) stream.end();
    },
  };
}

function kindOf(group: string): string {
  return group.split("|", 1)[0]!;
}
