import type { EpochMs } from "../../core/limits/time.ts";
import type { Exchange, ExchangeHandler, StreamRefusal } from "../../platform/grpc.ts";
import { DeltaDiscoveryRequest } from "../../protos/gen/envoy/service/discovery/v3/discovery.ts";
import { encodeAnswer, type ResourceSet } from "./resource-set.ts";
import { TypeSubscription, type Refusal, type Settled } from "./subscription.ts";
import { clusterType, listenerType, pushOrder } from "./type-urls.ts";

/** Types that one stream may name; more end it. */
export const typesPerStreamMax = 16;

/** Milliseconds that a client may leave its socket full before its stream is ended. */
export const drainWaitMsMax = 30_000;

/** Longest node id kept: namespace, pod and uid fit. A client names itself, so this is bounded before it is stored. */
export const nodeIdCharactersMax = 400;

export interface NodeName {
  readonly id: string;
  readonly cluster: string;
}

/** Messages that one client may send before it is known who it is; more end its stream. */
export const waitingMessagesMax = 64;

/** Bytes of such messages. */
export const waitingBytesMax = 4 << 20;

/**
 * What one client may ask in a second and at once. A request counts one and one more for each part of its bytes: the
 * first requests after a reconnect name everything that the client has, and an honest ACK is small.
 */
export const requestsPerSecond = 200;
export const requestsBurst = 4_000;
export const requestPartBytes = 4_096;

/** A group to be served, or a refusal that ends the stream. Undefined: the stream stays and is served nothing. */
export type Identified =
  | {
      readonly group: string;
      /** Whose streams are counted together; undefined: nobody's. */
      readonly identity?: string;
    }
  | { readonly refusal: StreamRefusal }
  | undefined;

/** Tells who a client is by the first message of its stream. May take its time; meanwhile the stream is served nothing. */
export type Identify = (
  node: NodeName,
  authorization: string | undefined,
  peer: string,
) => Identified | Promise<Identified>;

export interface StreamEvents {
  readonly identify: Identify;
  published(group: string): ResourceSet | undefined;
  named(stream: AdsStream): void;
  sent(typeUrl: string): void;
  settled(stream: AdsStream, typeUrl: string, outcome: Settled, message: string): void;
  /** The client asks for a type that its group does not have, or has no group. */
  refused(cause: "type" | "node" | "bound" | "identity" | "rate"): void;
  closed(stream: AdsStream): void;
}

/** One client on the aggregated delta stream. */
export class AdsStream implements ExchangeHandler {
  node: NodeName | undefined;
  group: string | undefined;
  identity: string | undefined;
  readonly openedMs: EpochMs;
  /** The same moment of the monotonic clock. */
  readonly openedAt: number;
  readonly peer: string;
  /** Monotonic time since which the socket is full; undefined while it takes bytes. */
  blockedSince: number | undefined;
  readonly #exchange: Exchange;
  readonly #events: StreamEvents;
  readonly #monotonic: () => number;
  readonly #types = new Map<string, TypeSubscription>();
  #nonces = 0;
  #isEnded = false;
  /** When what was asked so far would be worked off. */
  #emptyAt: number;
  /** Messages that came before it was known who the client is. */
  #waiting: Uint8Array[] | undefined;
  #waitingBytes = 0;

  constructor(exchange: Exchange, events: StreamEvents, times: { openedMs: EpochMs; monotonic: () => number }) {
    this.#exchange = exchange;
    this.#events = events;
    this.openedMs = times.openedMs;
    this.#monotonic = times.monotonic;
    this.openedAt = times.monotonic();
    this.#emptyAt = this.openedAt;
    this.peer = exchange.peer;
  }

  accepted(typeUrl: string, name: string): string | undefined {
    return this.#types.get(typeUrl)?.accepted.get(name);
  }

  get hasRefused(): boolean {
    for (const { rejected } of this.#types.values()) if (rejected.size > 0) return true;
    return false;
  }

  rejected(typeUrl: string, name: string): Refusal | undefined {
    return this.#types.get(typeUrl)?.rejected.get(name);
  }

  /** Everything that the client runs. */
  *allAccepted(): Iterable<{ readonly typeUrl: string; readonly name: string; readonly version: string }> {
    for (const [typeUrl, { accepted }] of this.#types) {
      for (const [name, version] of accepted) yield { typeUrl, name, version };
    }
  }

  *allRejected(): Iterable<Refusal & { readonly typeUrl: string; readonly name: string }> {
    for (const [typeUrl, { rejected }] of this.#types) {
      for (const [name, refusal] of rejected) yield { typeUrl, name, ...refusal };
    }
  }

  message(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    if (!this.#mayAsk(bytes.length)) {
      this.#events.refused("rate");
      return this.end("exhausted");
    }
    this.#read(bytes);
  }

  #read(bytes: Uint8Array): void {
    if (this.#waiting !== undefined) return this.#wait(this.#waiting, bytes);
    const request = DeltaDiscoveryRequest.decode(bytes);
    if (this.node !== undefined) return this.#take(request);
    this.node = nodeNameOf(request);
    const identified = this.#events.identify(this.node, this.#exchange.authorization, this.#exchange.peer);
    if (!(identified instanceof Promise)) {
      if (this.#settleIdentity(identified)) this.#take(request);
      return;
    }
    this.#waiting = [];
    this.#wait(this.#waiting, bytes);
    identified.then(
      (known) => this.#resume(known),
      // A fault tells nothing about the client: it may come back.
      () => this.#resume({ refusal: "unavailable" }),
    );
  }

  #mayAsk(bytes: number): boolean {
    const now = this.#monotonic();
    const intervalMs = 1000 / requestsPerSecond;
    this.#emptyAt = Math.max(this.#emptyAt, now) + intervalMs * (1 + Math.floor(bytes / requestPartBytes));
    return this.#emptyAt - now <= requestsBurst * intervalMs;
  }

  #wait(waiting: Uint8Array[], bytes: Uint8Array): void {
    waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (waiting.length <= waitingMessagesMax && this.#waitingBytes <= waitingBytesMax) return;
    this.#events.refused("bound");
    this.end("exhausted");
  }

  #resume(identified: Identified): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    if (this.#isEnded || !this.#settleIdentity(identified)) return;
    for (const bytes of waiting) {
      if (this.#isEnded) return;
      try {
        this.#read(bytes);
      } catch {
        this.#events.refused("bound");
        return this.end();
      }
    }
  }

  /** False when the stream has ended with it. */
  #settleIdentity(identified: Identified): boolean {
    if (identified !== undefined && "refusal" in identified) {
      this.#events.refused("identity");
      this.end(identified.refusal);
      return false;
    }
    this.group = identified?.group;
    this.identity = identified?.identity;
    this.#events.named(this);
    return true;
  }

  #take(request: DeltaDiscoveryRequest): void {
    const published = this.#published();
    if (this.group === undefined || (published !== undefined && !published.has(request.typeUrl))) {
      this.#events.refused(this.group === undefined ? "node" : "type");
      return;
    }
    const subscription = this.#subscription(request.typeUrl);
    const change = {
      subscribe: request.resourceNamesSubscribe,
      unsubscribe: request.resourceNamesUnsubscribe,
      initialVersions: request.initialResourceVersions,
    };
    if (subscription === undefined || !subscription.change(change)) {
      this.#events.refused("bound");
      this.end();
      return;
    }
    if (request.responseNonce !== "") {
      const message = request.errorDetail === undefined ? undefined : request.errorDetail.message || "refused";
      const outcome = subscription.settle(request.responseNonce, message);
      this.#events.settled(this, request.typeUrl, outcome, message ?? "");
    }
    this.push();
  }

  drained(): void {
    this.blockedSince = undefined;
    this.push();
  }

  closed(): void {
    this.#isEnded = true;
    this.#waiting = undefined;
    this.#events.closed(this);
  }

  end(refusal?: StreamRefusal): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#waiting = undefined;
    this.#exchange.end(refusal);
    this.#events.closed(this);
  }

  /** Sends what the client does not have yet, in push order, as far as its socket takes it. */
  push(): void {
    const published = this.#published();
    if (published === undefined || this.#isEnded) return;
    // Clusters a second time: whether one may go is known only after the others have been looked at.
    for (const typeUrl of [...pushOrder, clusterType]) {
      if (this.blockedSince !== undefined) return;
      const subscription = this.#types.get(typeUrl);
      const resources = published.get(typeUrl);
      if (subscription === undefined || resources === undefined) continue;
      const answer = subscription.next(resources, {
        nonce: () => `${++this.#nonces}`,
        mayRemove: this.#mayRemove(typeUrl, published),
      });
      if (answer === undefined) continue;
      this.#events.sent(typeUrl);
      if (!this.#exchange.send(encodeAnswer(answer))) this.blockedSince = this.#monotonic();
    }
  }

  /**
   * Break after make: listeners go first, then what only they pointed at, clusters last. Until then the proxy may
   * still send requests by the old routes.
   */
  #mayRemove(typeUrl: string, published: ResourceSet): boolean {
    if (typeUrl === listenerType) return true;
    const first = typeUrl === clusterType ? pushOrder.filter((other) => other !== clusterType) : [listenerType];
    return first.every((other) => {
      const resources = published.get(other);
      const subscription = this.#types.get(other);
      return resources === undefined || subscription === undefined || subscription.isDone(resources);
    });
  }

  #published(): ResourceSet | undefined {
    return this.group === undefined ? undefined : this.#events.published(this.group);
  }

  #subscription(typeUrl: string): TypeSubscription | undefined {
    const known = this.#types.get(typeUrl);
    if (known !== undefined) return known;
    if (this.#types.size >= typesPerStreamMax) return undefined;
    const subscription = new TypeSubscription(typeUrl);
    this.#types.set(typeUrl, subscription);
    return subscription;
  }
}

function nodeNameOf({ node }: DeltaDiscoveryRequest): NodeName {
  const { id = "", cluster = "" } = node ?? {};
  return { id: id.slice(0, nodeIdCharactersMax), cluster: cluster.slice(0, nodeIdCharactersMax) };
}
