import { Client, credentials, Metadata, type ChannelCredentials, type ClientDuplexStream } from "@grpc/grpc-js";
import { readFileSync } from "node:fs";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../protos/gen/envoy/service/discovery/v3/discovery.ts";
import type { Clock } from "./clock.ts";
import { printAddress, type Address } from "./config.ts";

/** One resource of the subscribed type; `bytes` is the message inside the Any. */
export interface AdsResource {
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
}

/** Read anew for each connection: both are exchanged under a running program. */
export interface ClientFiles {
  /** PEM bundle; a server whose certificate does not come from it is not spoken to. */
  readonly caFile: string;
  /** Sent as bearer token with each stream. */
  readonly tokenFile?: string | undefined;
}

/** Whether a change was taken over whole. A refusal leaves everything as it was. */
export type AdsOutcome = { readonly accepted: true } | { readonly accepted: false; readonly message: string };

export interface AdsOptions {
  readonly address: Address;
  readonly typeUrl: string;
  readonly nodeId: string;
  readonly nodeCluster: string;
  /** Files that make the connection TLS, and say who we are. Without it everything goes in the clear. */
  readonly credentials?: ClientFiles | undefined;
  readonly clock: Clock;
  /** From 0 to 1, for the jitter of the back-off. */
  readonly random: () => number;
  /** Takes over a change, or refuses it with a reason for people. Synchronous: the answer is the ACK. */
  readonly onChange: (added: readonly AdsResource[], removed: readonly string[]) => AdsOutcome;
  /** For the log: why a stream ended. */
  readonly onDisconnect?: (reason: string) => void;
}

export interface AdsSubscription {
  readonly isConnected: boolean;
  /** Milliseconds since the server last said anything; infinite before the first time. */
  contactAgeMs(): number;
  /** Milliseconds since a change was last taken over; infinite before the first time. */
  appliedAgeMs(): number;
  stop(): void;
}

/** First and longest wait before a reconnect. The wait doubles, with jitter over its upper half. */
export const reconnectMsMin = 500;
export const reconnectMsMax = 5_000;

/** Largest answer taken from the operator. */
export const answerBytesMax = 64 << 20;

/** Resources held at a time; an answer that would make them more is refused whole. */
export const adsResourcesMax = 20_000;

/** Characters of a refusal that are sent. */
const refusalCharactersMax = 1_000;

const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

type Stream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/**
 * Subscribes to every resource of one type by delta ADS and stays subscribed: reconnects for ever, and tells the server
 * what it has, so that only differences come. Needs no connection to start.
 */
export function subscribe(options: AdsOptions): AdsSubscription {
  const subscription = new Subscription(options);
  subscription.connect();
  return subscription;
}

class Subscription implements AdsSubscription {
  isConnected = false;
  readonly #options: AdsOptions;
  #client: Client | undefined;
  /** What was accepted, by name: survives reconnects. */
  readonly #versions = new Map<string, string>();
  #stream: Stream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isStopped = false;
  #contactAt = Number.NEGATIVE_INFINITY;
  #appliedAt = Number.NEGATIVE_INFINITY;

  constructor(options: AdsOptions) {
    this.#options = options;
  }

  contactAgeMs(): number {
    return this.#options.clock.monotonic() - this.#contactAt;
  }

  appliedAgeMs(): number {
    return this.#options.clock.monotonic() - this.#appliedAt;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#client?.close();
  }

  connect(): void {
    const { typeUrl, nodeId, nodeCluster } = this.#options;
    let proofs: Proofs;
    try {
      proofs = readProofs(this.#options.credentials);
    } catch (error) {
      return this.#disconnected(error instanceof Error ? error.message : "its credentials cannot be read");
    }
    this.#client ??= this.#open(proofs.channel);
    const stream: Stream = this.#client.makeBidiStreamRequest(
      path,
      (request: DeltaDiscoveryRequest) => Buffer.from(DeltaDiscoveryRequest.encode(request).finish()),
      (bytes: Buffer) => DeltaDiscoveryResponse.decode(bytes),
      proofs.metadata,
    );
    this.#stream = stream;
    let isOver = false;
    const over = (reason: string): void => {
      if (isOver) return;
      isOver = true;
      this.#disconnected(reason);
    };
    stream.on("data", (answer: DeltaDiscoveryResponse) => this.#take(stream, answer));
    // An error is followed by the end; without a listener it would be thrown.
    stream.on("error", (error) => over(error.message));
    stream.on("end", () => over("the server ended the stream"));
    stream.write(
      DeltaDiscoveryRequest.fromPartial({
        node: { id: nodeId, cluster: nodeCluster },
        typeUrl,
        initialResourceVersions: Object.fromEntries(this.#versions),
      }),
    );
  }

  #open(channel: ChannelCredentials): Client {
    return new Client(printAddress(this.#options.address), channel, {
      "grpc.max_receive_message_length": answerBytesMax,
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.initial_reconnect_backoff_ms": reconnectMsMin,
      "grpc.max_reconnect_backoff_ms": reconnectMsMax,
      // One connection per subscription: a stale one must not be shared with a new stream.
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  #take(stream: Stream, answer: DeltaDiscoveryResponse): void {
    const { clock, typeUrl } = this.#options;
    this.isConnected = true;
    this.#failures = 0;
    this.#contactAt = clock.monotonic();
    const added = answer.resources.map(({ name, version, resource }) => ({
      name,
      version,
      bytes: resource?.value ?? new Uint8Array(0),
    }));
    const outcome = this.#apply(added, answer);
    if (outcome.accepted) {
      this.#appliedAt = clock.monotonic();
      for (const { name, version } of added) this.#versions.set(name, version);
      for (const name of answer.removedResources) this.#versions.delete(name);
    }
    stream.write(
      DeltaDiscoveryRequest.fromPartial({
        typeUrl,
        responseNonce: answer.nonce,
        ...(outcome.accepted
          ? {}
          : { errorDetail: { code: 3, message: outcome.message.slice(0, refusalCharactersMax) } }),
      }),
    );
  }

  #apply(added: readonly AdsResource[], answer: DeltaDiscoveryResponse): AdsOutcome {
    const { typeUrl, onChange } = this.#options;
    const isForeign = ({ resource }: (typeof answer.resources)[number]): boolean => resource?.typeUrl !== typeUrl;
    if (answer.typeUrl !== typeUrl || answer.resources.some(isForeign)) {
      return { accepted: false, message: "a resource of another type" };
    }
    // Removed ones are not subtracted: they may be names that nobody has.
    if (this.#versions.size + added.filter(({ name }) => !this.#versions.has(name)).length > adsResourcesMax) {
      return { accepted: false, message: `more than ${adsResourcesMax} resources` };
    }
    try {
      return onChange(added, answer.removedResources);
    } catch (error) {
      // A fault while applying is a refusal: the old state stays in force.
      return { accepted: false, message: error instanceof Error ? error.message : "unknown fault" };
    }
  }

  #disconnected(reason: string): void {
    this.isConnected = false;
    if (this.#isStopped) return;
    if (this.#options.credentials !== undefined) {
      // The next one believes in what the file says then.
      this.#client?.close();
      this.#client = undefined;
    }
    this.#options.onDisconnect?.(reason);
    this.#timer = setTimeout(() => this.connect(), reconnectWaitMs(this.#failures++, this.#options.random()));
  }
}

interface Proofs {
  readonly channel: ChannelCredentials;
  readonly metadata: Metadata;
}

function readProofs(files: ClientFiles | undefined): Proofs {
  const metadata = new Metadata();
  if (files === undefined) return { channel: credentials.createInsecure(), metadata };
  if (files.tokenFile !== undefined) {
    metadata.set("authorization", `Bearer ${readFileSync(files.tokenFile, "utf8").trim()}`);
  }
  return { channel: credentials.createSsl(readFileSync(files.caFile)), metadata };
}

/** Wait before the next try after a number of failures in a row. */
export function reconnectWaitMs(failures: number, random: number): number {
  const full = Math.min(reconnectMsMax, reconnectMsMin * 2 ** Math.min(failures, 10));
  return Math.max(reconnectMsMin, full * (0.5 + random / 2));
}
