import { createSecureContext, createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import type { Secret } from "./secret.ts";

/** A certificate chain and its key, both as PEM. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: Secret;
}

/** With what a server proves who it is. May change while it runs: connections that are open keep what they have. */
export interface ServerTls {
  readonly context: () => TlsMaterial;
  /** Calls the listener whenever `context` gives another one. */
  readonly onChange: (listener: () => void) => void;
}

/** Milliseconds that a client may take for its handshake. */
export const handshakeMsMax = 5_000;

/** What every server of ours asks of a connection. */
export const tlsFloor = { minVersion: "TLSv1.2" } as const;

/** Whether certificate and key can be used and belong together; throws why not. */
export function checkTls(material: TlsMaterial): void {
  createSecureContext(contextOptions(material));
}

function contextOptions({ certificate, key }: TlsMaterial): SecureContextOptions {
  // Empty texts would be taken for none, and a server without a certificate for one that works.
  if (certificate === "" || key.reveal() === "") throw new Error("certificate or key is empty");
  return { cert: certificate, key: key.reveal(), ...tlsFloor };
}

/** Gives a TLS server (an HTTPS server is one) its certificate now and each time it changes. */
export function followTls(server: Pick<Server, "setSecureContext">, tls: ServerTls, onFault: (error: unknown) => void) {
  const apply = (): void => server.setSecureContext(contextOptions(tls.context()));
  apply();
  tls.onChange(() => {
    try {
      apply();
    } catch (error) {
      // What is bad is not taken over: the last good certificate goes on.
      onFault(error);
    }
  });
}

/** A listener that speaks TLS and hands on only connections that agreed on HTTP/2 (RFC 9113 section 3.2). */
export function createHttp2Listener(tls: ServerTls, options: Http2ListenerOptions): Server {
  const server = createServer(
    { ALPNProtocols: ["h2"], handshakeTimeout: handshakeMsMax, ...tlsFloor },
    (socket: TLSSocket) => {
      // A client that is cut off in the middle of something is nobody's fault here.
      socket.on("error", () => undefined);
      if (socket.alpnProtocol === "h2") options.connected(socket);
      else socket.destroy();
    },
  );
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  followTls(server, tls, options.onFault);
  return server;
}

export interface Http2ListenerOptions {
  readonly connected: (socket: TLSSocket) => void;
  /** A certificate that cannot be used was offered; the last good one stays. */
  readonly onFault: (error: unknown) => void;
}
