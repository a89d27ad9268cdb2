import { connect as connectHttp2, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { connect } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "../../protos/gen/envoy/service/discovery/v3/discovery.ts";
import { clusterType, extensionType, listenerType, policyType, routeType } from "../../operator/xds/type-urls.ts";
import { nowMs } from "./clock.ts";
import { namesIn } from "./listener-names.ts";
import type { ClientCount, ClientOrder, Target } from "./messages.ts";

/** Back-off of a proxy as injection sets it up: a random part of a time that doubles. */
const backoffMsFirst = 500;
const backoffMsMax = 5_000;

/** What a proxy gives a connection, handshake included. */
const connectMsMax = 5_000;

const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

type Request = Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0];

/** What it has of one type. Kept over reconnects, as a proxy keeps it. */
interface Held {
  readonly versions: Map<string, string>;
  /** Names it asks for; undefined: everything. */
  readonly names: Set<string> | undefined;
}

/**
 * A proxy or a scorer as the operator sees one: a TLS connection of its own from an address of its own, delta ADS in
 * the order in which Envoy asks, an ACK for everything, a back-off with jitter. It runs nothing of what it gets.
 */
export class LightClient {
  readonly #order: ClientOrder;
  readonly #target: Target;
  readonly #held: ReadonlyMap<string, Held>;
  #session: ClientHttp2Session | undefined;
  #socket: TLSSocket | undefined;
  #stream: ClientHttp2Stream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #waitMs = backoffMsFirst;
  #isStopped = false;
  #isOpen = false;
  #count = noCount();

  constructor(order: ClientOrder, target: Target) {
    this.#order = order;
    this.#target = target;
    const held = (names?: Set<string>): Held => ({ versions: new Map(), names });
    this.#held = new Map(
      order.kind === "scorer"
        ? [[policyType, held()]]
        : [
            [clusterType, held()],
            [listenerType, held()],
            [extensionType, held(new Set())],
            [routeType, held(new Set())],
          ],
    );
  }

  count(): ClientCount {
    return { ...this.#count, refused: { ...this.#count.refused }, isOpen: this.#isOpen };
  }

  reset(): void {
    this.#count = noCount();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#session?.destroy();
    this.#socket?.destroy();
  }

  connect(): void {
    if (this.#isStopped) return;
    if (this.#session === undefined) this.#dial();
    else this.#ask(this.#session);
  }

  /** A connection counts as one when its handshake is over, as a proxy sees it. */
  #dial(): void {
    const { port, serverName, ca } = this.#target;
    const socket = connectTls({
      socket: connect({ host: "127.0.0.1", port, localAddress: this.#order.address }),
      servername: serverName,
      ca,
      ALPNProtocols: ["h2"],
    });
    this.#socket = socket;
    const failed = (): void => {
      clearTimeout(timer);
      socket.off("close", failed);
      socket.destroy();
      this.#ended("not connected");
    };
    const timer = setTimeout(failed, connectMsMax);
    socket.on("error", () => undefined);
    socket.on("close", failed);
    socket.once("secureConnect", () => {
      clearTimeout(timer);
      socket.off("close", failed);
      const session = connectHttp2(`https://${serverName}:${port}`, { createConnection: () => socket });
      this.#session = session;
      const forget = (): void => {
        if (this.#session === session) this.#session = undefined;
      };
      session.on("error", () => undefined);
      session.on("close", forget);
      session.on("goaway", forget);
      this.#ask(session);
    });
  }

  #ask(session: ClientHttp2Session): void {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${this.#order.token}`,
    });
    this.#stream = stream;
    this.#parts = [];
    this.#partBytes = 0;
    let status = "lost";
    stream.on("data", (bytes: Buffer) => this.#read(bytes));
    stream.on("response", (headers) => (status = String(headers["grpc-status"] ?? status)));
    stream.on("trailers", (trailers) => (status = String(trailers["grpc-status"] ?? status)));
    stream.on("error", () => undefined);
    stream.on("close", () => this.#ended(status));
    this.#greet();
  }

  #greet(): void {
    let isFirst = true;
    for (const [typeUrl, { versions, names }] of this.#held) {
      if (names?.size === 0) continue;
      this.#say({
        ...(isFirst && { node: { id: this.#order.node, cluster: `picket-${this.#order.kind}` } }),
        typeUrl,
        resourceNamesSubscribe: [...(names ?? [])],
        initialResourceVersions: Object.fromEntries(versions),
      });
      isFirst = false;
    }
    this.#isOpen = true;
    this.#count.opened++;
    this.#count.lastOpenedMs = nowMs();
  }

  #ended(status: string): void {
    this.#isOpen = false;
    this.#count.refused[status] = (this.#count.refused[status] ?? 0) + 1;
    if (this.#isStopped) return;
    const waitMs = Math.random() * this.#waitMs;
    this.#waitMs = Math.min(backoffMsMax, this.#waitMs * 2);
    this.#timer = setTimeout(() => this.connect(), waitMs);
  }

  #say(request: Request): void {
    const bytes = DeltaDiscoveryRequest.encode(DeltaDiscoveryRequest.fromPartial(request)).finish();
    const frame = Buffer.allocUnsafe(5 + bytes.length);
    frame.writeUInt8(0, 0);
    frame.writeUInt32BE(bytes.length, 1);
    frame.set(bytes, 5);
    this.#stream?.write(frame);
  }

  /** gRPC's frames: a flag, a length, a message. */
  #read(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
    while (this.#partBytes >= 5) {
      const all = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
      const length = all.readUInt32BE(1);
      this.#parts = [all];
      if (all.length < 5 + length) return;
      const rest = all.subarray(5 + length);
      this.#parts = rest.length === 0 ? [] : [rest];
      this.#partBytes = rest.length;
      this.#take(DeltaDiscoveryResponse.decode(all.subarray(5, 5 + length)));
    }
  }

  #take({ typeUrl, nonce, resources, removedResources }: DeltaDiscoveryResponse): void {
    const held = this.#held.get(typeUrl);
    if (held === undefined) return;
    this.#waitMs = backoffMsFirst;
    for (const { name, version } of resources) held.versions.set(name, version);
    for (const name of removedResources) held.versions.delete(name);
    this.#say({ typeUrl, responseNonce: nonce });
    const now = nowMs();
    this.#count.answers++;
    this.#count.resources += resources.length + removedResources.length;
    if (this.#count.firstAckMs === 0) this.#count.firstAckMs = now;
    this.#count.lastAckMs = now;
    if (typeUrl === listenerType) this.#askFor(resources);
  }

  /** Asks for what new listeners name, as Envoy does while it warms them. */
  #askFor(listeners: DeltaDiscoveryResponse["resources"]): void {
    for (const { version, resource } of listeners) {
      const named = namesIn(version, resource);
      for (const [typeUrl, names] of [
        [extensionType, named.extensions],
        [routeType, named.routes],
      ] as const) {
        const held = this.#held.get(typeUrl)!.names!;
        const fresh = names.filter((name) => !held.has(name));
        if (fresh.length === 0) continue;
        for (const name of fresh) held.add(name);
        this.#say({ typeUrl, resourceNamesSubscribe: fresh });
      }
    }
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function noCount(): Mutable<Omit<ClientCount, "isOpen" | "refused">> & { refused: Record<string, number> } {
  return { opened: 0, lastOpenedMs: 0, answers: 0, resources: 0, firstAckMs: 0, lastAckMs: 0, refused: {} };
}
