import {
  Server,
  ServerCredentials,
  status,
  type Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
} from "@grpc/grpc-js";
import { createServer as createListener, type Socket } from "node:net";
import type { Address } from "./config.ts";
import { limitOpenings, limitPerAddress, type Openings } from "./connections.ts";
import { createHttp2Listener, type ServerTls } from "./tls.ts";

/**
 * A unary method as bytes in, bytes out. The check path answers in the same turn; other methods may promise. `onFault`
 * makes the one answer for an error that was thrown or rejected, of which a bare grpc-js server would die.
 */
export interface UnaryMethod {
  /** `/envoy.service.auth.v3.Authorization/Check` */
  readonly path: string;
  readonly handle: (request: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  readonly onFault: (error: unknown) => Uint8Array;
}

/** A stream that only the caller writes to; it is answered once, with empty bytes, when it ends. */
export interface IntakeMethod {
  readonly path: string;
  /** Called once per stream; the returned function gets each message. */
  readonly open: () => (message: Uint8Array) => void;
  readonly onFault: (error: unknown) => void;
}

/** Why a stream is ended, for the caller. Says nothing about what there is. */
export type StreamRefusal = "unauthenticated" | "denied" | "unavailable" | "exhausted";

const refusalStatus: Readonly<Record<StreamRefusal, number>> = {
  unauthenticated: status.UNAUTHENTICATED,
  denied: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
  exhausted: status.RESOURCE_EXHAUSTED,
};

/** One side of a two-way stream. */
export interface Exchange {
  /** Sends bytes; false when the peer reads too slowly: wait for `onDrain`. */
  send(message: Uint8Array): boolean;
  /** Ends the stream, well or with a refusal. */
  end(refusal?: StreamRefusal): void;
  /** Address and port of the caller. */
  readonly peer: string;
  /** The one `authorization` entry of the call; undefined when there is none or more than one. */
  readonly authorization: string | undefined;
}

/** What a two-way stream does with messages and with its end. */
export interface ExchangeHandler {
  message(bytes: Uint8Array): void;
  drained?(): void;
  /** Called exactly once, whatever ends the stream. */
  closed(): void;
}

export interface ExchangeMethod {
  readonly path: string;
  readonly open: (exchange: Exchange) => ExchangeHandler;
  readonly onFault: (error: unknown) => void;
}

export interface GrpcMethods {
  readonly unary?: readonly UnaryMethod[];
  readonly intake?: readonly IntakeMethod[];
  readonly exchange?: readonly ExchangeMethod[];
}

export interface GrpcServer {
  /** Listens; gives the address with the port that was chosen. */
  start(address: Address): Promise<Address>;
  /** Lets running calls end until the deadline, then cuts them. */
  stop(graceMs: number): Promise<void>;
}

/** Largest message taken: a Check with headers at Envoy's limit and a governed body fits. */
export const grpcMessageBytesMax = 1 << 20;

/** Connections taken at a time; further ones are closed at once. One operator serves 4,096 streams, one each. */
export const grpcConnectionsMax = 8_192;

/**
 * Connections of one address to a server in a cluster. An honest proxy has a few; where addresses are translated, all
 * proxies of a node have one.
 */
export const connectionsPerAddressMax = 512;

/**
 * Calls open at a time on one connection; the peer is told (RFC 9113 section 6.5.2) and holds further ones back. Envoy
 * opens no more of its own accord.
 */
export const grpcCallsPerConnectionMax = 1_024;

export interface GrpcBounds {
  readonly messageBytesMax?: number;
  readonly connectionsMax?: number;
  /** Of those, what one address may hold; without it one may hold them all. */
  readonly connectionsPerAddressMax?: number | undefined;
  readonly callsPerConnectionMax?: number;
  /** New connections, of all and of one address; further ones are closed at once. Without it as many as come. */
  readonly openings?: Openings | undefined;
}

export interface GrpcOptions extends GrpcBounds {
  /** With it connections speak TLS, and only that. */
  readonly tls?: ServerTls | undefined;
  /** Told of a certificate that cannot be used; the last good one stays. */
  readonly onTlsFault?: (error: unknown) => void;
}

const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const same = (bytes: Buffer): Buffer => bytes;

/** A grpc-js server of methods that can neither throw past this wrapper nor end the process. */
export function createGrpcServer(methods: GrpcMethods, options: GrpcOptions = {}): GrpcServer {
  const server = new Server({
    "grpc.max_receive_message_length": options.messageBytesMax ?? grpcMessageBytesMax,
    "grpc.max_concurrent_streams": options.callsPerConnectionMax ?? grpcCallsPerConnectionMax,
  });
  for (const method of methods.unary ?? []) {
    server.register(method.path, guardUnary(method), asIs, same, "unary");
  }
  for (const method of methods.intake ?? []) {
    server.register(method.path, guardIntake(method), asIs, same, "clientStream");
  }
  for (const method of methods.exchange ?? []) {
    server.register(method.path, guardExchange(method), asIs, same, "bidi");
  }
  // A listener of our own, since that of the library takes connections without end.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const inject = (socket: Socket): void => injector.injectConnection(socket);
  const listener =
    options.tls === undefined
      ? createListener(inject)
      : createHttp2Listener(options.tls, { connected: inject, onFault: options.onTlsFault ?? (() => undefined) });
  listener.maxConnections = options.connectionsMax ?? grpcConnectionsMax;
  if (options.connectionsPerAddressMax !== undefined) limitPerAddress(listener, options.connectionsPerAddressMax);
  if (options.openings !== undefined) limitOpenings(listener, options.openings);
  return {
    start: (address) =>
      new Promise((resolve, reject) => {
        listener.once("error", reject);
        const listening = (): void => {
          const bound = listener.address();
          resolve(bound !== null && typeof bound === "object" ? { ...address, port: bound.port } : address);
        };
        if (address.path === "") listener.listen(address.port, address.host, listening);
        else listener.listen(address.path, listening);
      }),
    stop: (graceMs) =>
      new Promise((resolve) => {
        listener.close();
        const timer = setTimeout(() => server.forceShutdown(), graceMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

type Answer = (error: null | { code: number; details: string }, value?: Uint8Array) => void;

function guardUnary(method: UnaryMethod) {
  const fault = (error: unknown, callback: Answer): void => {
    const reply = attempt(
      () => method.onFault(error),
      () => undefined,
    );
    // Even the answer for faults may be at fault; then the peer gets an error, which is never an allow.
    if (reply === undefined) callback({ code: status.INTERNAL, details: "fault" });
    else callback(null, reply);
  };
  return (call: { request: Buffer }, callback: Answer): void => {
    let reply: Uint8Array | Promise<Uint8Array>;
    try {
      reply = method.handle(call.request);
    } catch (error) {
      return fault(error, callback);
    }
    if (reply instanceof Uint8Array) return callback(null, reply);
    // Not awaited where it is not needed: the answer of a synchronous method goes out in the same turn.
    Promise.resolve(reply).then(
      (bytes) => callback(null, bytes),
      (error: unknown) => fault(error, callback),
    );
  };
}

function guardIntake(method: IntakeMethod) {
  return (stream: ServerReadableStream<Buffer, Uint8Array>, callback: Answer): void => {
    const take = attempt(() => method.open(), method.onFault);
    if (take === undefined) return callback({ code: status.UNAVAILABLE, details: "not ready" });
    stream.on("data", (message: Buffer) => void attempt(() => take(message), method.onFault));
    stream.on("error", method.onFault);
    stream.on("end", () => callback(null, new Uint8Array(0)));
  };
}

function guardExchange(method: ExchangeMethod) {
  return (stream: ServerDuplexStream<Buffer, Uint8Array>): void => {
    let isOpen = true;
    const handler = attempt(
      () =>
        method.open({
          send: (message) => isOpen && stream.write(message),
          end: (refusal) => {
            if (!isOpen) return;
            if (refusal === undefined) stream.end();
            // The library ends the call with the status of the error.
            else stream.emit("error", { code: refusalStatus[refusal], details: refusal });
          },
          peer: stream.getPeer(),
          authorization: authorizationOf(stream.metadata),
        }),
      method.onFault,
    );
    if (handler === undefined) {
      stream.destroy();
      return;
    }
    const close = (): void => {
      if (!isOpen) return;
      isOpen = false;
      attempt(() => handler.closed(), method.onFault);
    };
    stream.on("data", (message: Buffer) => void attempt(() => handler.message(message), method.onFault));
    stream.on("drain", () => void attempt(() => handler.drained?.(), method.onFault));
    stream.on("error", close);
    stream.on("cancelled", close);
    stream.on("end", () => {
      close();
      stream.end();
    });
    stream.on("close", close);
  };
}

function authorizationOf(metadata: Metadata): string | undefined {
  const values = metadata.get("authorization");
  const [only] = values;
  return values.length === 1 && typeof only === "string" ? only : undefined;
}

function attempt<T>(action: () => T, onFault: (error: unknown) => void): T | undefined {
  try {
    return action();
  } catch (error) {
    onFault(error);
    return undefined;
  }
}
