import type { Clock } from "../../platform/clock.ts";
import type { Openings } from "../../platform/connections.ts";
import type { ExchangeMethod } from "../../platform/grpc.ts";
import type { Log } from "../../platform/log.ts";
import type { XdsMetrics } from "./metrics.ts";
import { resourceSet, type PublishedResource, type ResourceSet } from "./resource-set.ts";
import type { Running } from "./running.ts";
import { AdsStream, drainWaitMsMax, type Identify, type NodeName, type StreamEvents } from "./stream.ts";
import { digestOf, type ClientReport, type GroupReport } from "./client-report.ts";
import { cutRefusal, type Refusal } from "./subscription.ts";
import { shortTypeName } from "./type-urls.ts";

/** Streams held at a time; further ones are ended at once and come back with their back-off. */
export const streamsMax = 4_096;

/** Largest request taken: the versions of ten thousand resources fit. */
export const requestBytesMax = 4 << 20;

const deltaMethodPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/** Refusals of one group that other replicas are told of. */
const refusalsReportedMax = 100;

/** What one client may have of a server whose clients are strangers to each other. */
export interface ClientLimits {
  /** Streams of one address whose client has not been identified yet; further ones are ended at once. */
  readonly strangersPerAddress: number;
  /** Milliseconds that a client may take until it is identified. */
  readonly strangerMsMax: number;
  /** Streams of one identity; the oldest gives way, since its connection may be dead. */
  readonly streamsPerIdentity: number;
  /** Milliseconds after which a stream is ended so that its client proves itself anew, and the most of it. */
  readonly ageMsMin: number;
  readonly ageMsMax: number;
}

/** Limits of the server in a cluster. */
export const clusterLimits: ClientLimits = {
  strangersPerAddress: 16,
  strangerMsMax: 20_000,
  streamsPerIdentity: 4,
  ageMsMin: 30 * 60_000,
  ageMsMax: 60 * 60_000,
};

/**
 * New connections in a second, before anybody knows who comes. A thousand proxies that come back together are through
 * their handshakes after twenty seconds; their tokens take as long.
 */
export const clusterOpenings: Pick<Openings, "all" | "perAddress"> = {
  all: { perSecond: 60, burst: 120 },
  perAddress: { perSecond: 8, burst: 32 },
};

export interface AdsServerOptions {
  /** Undefined where all clients are programs of one user. */
  readonly limits?: ClientLimits | undefined;
  /** From 0 to 1, for the age of a stream. */
  readonly random?: () => number;
  /** Kinds of groups and the types that each may ask for. A group is named `kind` or `kind|anything`. */
  readonly kinds: ReadonlyMap<string, readonly string[]>;
  /** The group that an identified proxy belongs to now; its stream is ended when that is another one. */
  readonly groupOf?: (node: NodeName) => string | undefined;
  /** Who a client is, by the name it gives itself and what proves it. */
  readonly identify: Identify;
  readonly metrics: XdsMetrics;
  readonly log: Log;
  readonly clock: Clock;
  /** Called after anything that changes what `count` answers. */
  readonly changed: () => void;
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
  /** What the clients of this server run, for other replicas. */
  report(): ClientReport["groups"];
  /** Ends streams whose clients stopped reading, say nothing, or must prove themselves anew. Called every few seconds. */
  sweep(): void;
  /** Ends every stream. */
  close(): void;
}

/** A delta ADS server that knows nothing of the resources it serves. */
export function createAdsServer(options: AdsServerOptions): AdsServer {
  const { metrics, log, clock, changed, limits, random = Math.random } = options;
  const published = new Map<string, ResourceSet>();
  const streams = new Set<AdsStream>();
  const streamsOf = new Map<string, Set<AdsStream>>();
  const events: StreamEvents = {
    identify: options.identify,
    published: (group) => published.get(group),
    named: (stream) => {
      admitted(stream);
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
      strangers.remove(stream);
      byIdentity.remove(stream);
      const group = streamsOf.get(stream.group ?? "");
      if (group?.delete(stream) && group.size === 0) streamsOf.delete(stream.group ?? "");
      log.info("client gone", { group: stream.group ?? "none", node: stream.node?.id });
      countStreams();
      changed();
    },
  };

  /** Streams of which it is not known yet whose they are, by address. */
  const strangers = new StreamIndex();
  const byIdentity = new StreamIndex();
  /** When a stream is over whatever it does, by the monotonic clock. */
  const endsAt = new WeakMap<AdsStream, number>();

  const admitted = (stream: AdsStream): void => {
    strangers.remove(stream);
    if (limits === undefined) return;
    const { ageMsMin, ageMsMax, streamsPerIdentity } = limits;
    // Without jitter all that came back together would go together.
    endsAt.set(stream, clock.monotonic() + ageMsMin + random() * (ageMsMax - ageMsMin));
    if (stream.identity === undefined) return;
    if (byIdentity.count(stream.identity) >= streamsPerIdentity) {
      metrics.refusals.inc({ cause: "streams" });
      byIdentity.oldest(stream.identity)?.end();
    }
    byIdentity.add(stream.identity, stream);
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
      const isTooMany = limits !== undefined && strangers.count(addressOf(stream)) >= limits.strangersPerAddress;
      if (streams.size >= streamsMax || isTooMany) {
        metrics.refusals.inc({ cause: "streams" });
        stream.end("exhausted");
        return stream;
      }
      streams.add(stream);
      strangers.add(addressOf(stream), stream);
      if (limits !== undefined) endsAt.set(stream, clock.monotonic() + limits.strangerMsMax);
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
        const first = firstRefusal(stream, resources);
        if (first !== undefined) {
          rejected++;
          message ||= first.message;
        } else if (resources.every(({ typeUrl, name, version }) => stream.accepted(typeUrl, name) === version)) {
          current++;
        }
      }
      return { current, total: all.length, rejected, message };
    },
    report: () => Object.fromEntries([...streamsOf.keys()].map((group) => [group, reportOf(members(group))])),
    sweep: () => {
      const now = clock.monotonic();
      for (const stream of streams) {
        const isOver = now >= (endsAt.get(stream) ?? Number.POSITIVE_INFINITY);
        const isSlow = stream.blockedSince !== undefined && now - stream.blockedSince >= drainWaitMsMax;
        const moved = stream.node === undefined ? undefined : options.groupOf?.(stream.node);
        const isMoved = moved !== undefined && stream.group !== undefined && moved !== stream.group;
        if (!isOver && !isSlow && !isMoved) continue;
        if (isSlow || (isOver && stream.node === undefined)) metrics.refusals.inc({ cause: "slow" });
        stream.end();
      }
    },
    close: () => {
      for (const stream of streams) stream.end();
    },
  };
}

/** Streams by a text, in the order in which they came. */
class StreamIndex {
  readonly #sets = new Map<string, Set<AdsStream>>();
  readonly #keys = new WeakMap<AdsStream, string>();

  add(key: string, stream: AdsStream): void {
    this.#keys.set(stream, key);
    this.#sets.set(key, (this.#sets.get(key) ?? new Set()).add(stream));
  }

  remove(stream: AdsStream): void {
    const key = this.#keys.get(stream);
    if (key === undefined) return;
    this.#keys.delete(stream);
    const set = this.#sets.get(key);
    set?.delete(stream);
    if (set?.size === 0) this.#sets.delete(key);
  }

  count(key: string): number {
    return this.#sets.get(key)?.size ?? 0;
  }

  oldest(key: string): AdsStream | undefined {
    return this.#sets.get(key)?.values().next().value;
  }
}

function firstRefusal(stream: AdsStream, resources: readonly PublishedResource[]): Refusal | undefined {
  // Nearly all have refused nothing, and a thousand of them are counted again and again.
  if (!stream.hasRefused) return undefined;
  for (const { typeUrl, name, version } of resources) {
    const held = stream.rejected(typeUrl, name);
    if (held?.version === version) return held;
  }
  return undefined;
}

/** The address of a client without its port. */
function addressOf({ peer }: AdsStream): string {
  return peer.slice(0, Math.max(0, peer.lastIndexOf(":")));
}

function kindOf(group: string): string {
  return group.split("|", 1)[0]!;
}

function reportOf(streams: readonly AdsStream[]): GroupReport {
  const running: Record<string, number> = {};
  const refused: Record<string, { clients: number; message: string }> = {};
  for (const stream of streams) {
    const digest = digestOf(stream.allAccepted());
    running[digest] = (running[digest] ?? 0) + 1;
    for (const { message, ...resource } of stream.allRejected()) {
      const key = digestOf([resource]);
      const known = refused[key];
      if (known !== undefined) known.clients++;
      else if (Object.keys(refused).length < refusalsReportedMax) refused[key] = { clients: 1, message };
    }
  }
  return { running, refused };
}
