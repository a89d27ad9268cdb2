import { Client, credentials, Metadata, type ClientDuplexStream, type StatusObject } from "@grpc/grpc-js";
import { printAddress, type Address } from "../../platform/config.ts";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "../../protos/gen/envoy/service/discovery/v3/discovery.ts";

type Partial_ = Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0];

/** A hand-driven client: says exactly what a test wants said, and collects what comes. */
export class AdsPeer {
  readonly answers: DeltaDiscoveryResponse[] = [];
  isEnded = false;
  /** gRPC status code once the stream is over. */
  status: number | undefined;
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  #read = 0;
  #wake: () => void = () => undefined;

  constructor(address: Address, authorization?: string) {
    const metadata = new Metadata();
    if (authorization !== undefined) metadata.set("authorization", authorization);
    this.#client = new Client(printAddress(address), credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
    });
    this.#stream = this.#client.makeBidiStreamRequest(
      "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
      (request: DeltaDiscoveryRequest) => Buffer.from(DeltaDiscoveryRequest.encode(request).finish()),
      (bytes: Buffer) => DeltaDiscoveryResponse.decode(bytes),
      metadata,
    );
    this.#stream.on("data", (answer: DeltaDiscoveryResponse) => {
      this.answers.push(answer);
      this.#wake();
    });
    const over = (): void => {
      this.isEnded = true;
      this.#wake();
    };
    this.#stream.on("error", over);
    this.#stream.on("end", over);
    this.#stream.on("status", ({ code }: StatusObject) => {
      this.status = code;
    });
  }

  say(request: Partial_): void {
    this.#stream.write(DeltaDiscoveryRequest.fromPartial(request));
  }

  /** The next answer in order; fails after the wait. */
  async next(waitMs = 3_000): Promise<DeltaDiscoveryResponse> {
    await this.#until(() => this.answers.length > this.#read, waitMs, "an answer");
    return this.answers[this.#read++]!;
  }

  async ended(waitMs = 3_000): Promise<void> {
    await this.#until(() => this.isEnded, waitMs, "the end of the stream");
  }

  /** Gives whatever is on its way the time to come, then counts answers not read yet. */
  async unread(afterMs = 100): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    return this.answers.length - this.#read;
  }

  accept(answer: DeltaDiscoveryResponse): void {
    this.say({ typeUrl: answer.typeUrl, responseNonce: answer.nonce });
  }

  refuse(answer: DeltaDiscoveryResponse, message: string): void {
    this.say({ typeUrl: answer.typeUrl, responseNonce: answer.nonce, errorDetail: { code: 3, message } });
  }

  pause(): void {
    this.#stream.pause();
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  #until(done: () => boolean, waitMs: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} within ${waitMs} ms`)), waitMs);
      this.#wake = () => {
        if (!done()) return;
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve();
      };
      this.#wake();
    });
  }
}
