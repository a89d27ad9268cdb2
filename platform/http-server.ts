import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { isIP, type AddressInfo } from "node:net";
import type { Address } from "./config.ts";

/** Connections that a server of pages holds; further ones are closed at once. */
export const pageConnectionsMax = 64;

/** Milliseconds that a request may take to arrive, and that a connection may stand still, before it is closed. */
export const pageIdleMsMax = 5_000;

/** Answers a GET. A rejection is answered by `failed`. */
export type PageAnswer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface PageServer {
  /** Listens; gives the address with the port that was chosen. */
  start(address: Address): Promise<Address>;
  stop(): Promise<void>;
}

/** A server of read-only pages for people and programs that look after us. GET only; never on the path of a request. */
export function createPageServer(
  answer: PageAnswer,
  failed: (response: ServerResponse) => void,
  { idleMsMax = pageIdleMsMax } = {},
): PageServer {
  // Left alone, Node looks for requests that take too long every 30 seconds only.
  const server = createServer({ connectionsCheckingInterval: idleMsMax / 5 }, (request, response) => {
    if (isStrangeName(request)) return endWith(response, 421, "ask by address, or as localhost");
    if (request.method !== "GET") return endWith(response, 405, "only GET");
    void answer(request, response).catch(() => failed(response));
  });
  server.headersTimeout = idleMsMax;
  server.requestTimeout = idleMsMax;
  // Whoever stops reading an answer must not hold one of the few connections for ever.
  server.setTimeout(idleMsMax);
  server.maxConnections = pageConnectionsMax;
  return {
    start: (address) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        const listening = (): void => {
          const bound = server.address();
          resolve(isPort(bound) ? { host: bound.address, port: bound.port, path: "" } : address);
        };
        if (address.path !== "") server.listen(address.path, listening);
        else server.listen(address.port, address.host, listening);
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** One line of text as the whole answer, unless another one has begun. */
export function endWith(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return;
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${text}\n`);
}

/**
 * Whether somebody reached loopback by a name that is none of ours: a browser whose page let its own name resolve to
 * this machine (DNS rebinding) and would read what only people here may. Programs that send no Host are no browsers.
 */
function isStrangeName({ socket, headers }: IncomingMessage): boolean {
  const address = socket.localAddress ?? "";
  if (headers.host === undefined || !/^(::ffff:)?127\.|^::1$/.test(address)) return false;
  const { host } = headers;
  if (isIP(host) !== 0) return false;
  const name = host.replace(/:[0-9]*$/, "").replace(/^\[(.*)\]$/, "$1");
  return isIP(name) === 0 && name.toLowerCase() !== "localhost";
}

function isPort(bound: AddressInfo | string | null): bound is AddressInfo {
  return bound !== null && typeof bound === "object";
}
