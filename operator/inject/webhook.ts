import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Address } from "../../platform/config.ts";
import { limitPerAddress } from "../../platform/connections.ts";
import type { Log } from "../../platform/log.ts";
import { followTls, handshakeMsMax, tlsFloor, type ServerTls } from "../../platform/tls.ts";
import type { InjectionMetrics } from "./metrics.ts";
import { review, reviewTooLarge, type ReviewContext, type Reviewed } from "./review.ts";

/** Where the API server sends its questions. */
export const injectPath = "/inject";

/** Largest review that is read. The API server takes objects of 3 MiB, and a review holds one as JSON. */
export const reviewBytesMax = 8 << 20;
/** Bytes of all reviews that are being read; beyond it the API server is told to come again. */
export const reviewsBytesMax = 64 << 20;
/** Connections at a time; the API server keeps a few open. */
export const webhookConnectionsMax = 256;
/** Of them from one address: an API server keeps a few, and nobody else may take them all. */
export const webhookConnectionsPerAddressMax = 32;
/** Milliseconds that a review may take to arrive: the API server waits for its answer for five seconds. */
export const reviewMsMax = 5_000;
/** Longer than clients of the API server keep an idle connection, so that none is closed while one asks. */
const idleMs = 120_000;

export interface WebhookOptions extends ReviewContext {
  readonly tls: ServerTls;
  readonly metrics: InjectionMetrics;
  readonly log: Log;
  /** Whether namespaces are known; until then the replica is not ready. */
  readonly ready: () => boolean;
}

export interface WebhookServer {
  /** Listens; gives the address with the port that was chosen. */
  start(address: Address): Promise<Address>;
  /** Lets answers that are being written end, and closes. */
  stop(): Promise<void>;
}

/** The HTTPS server that the API server asks about new pods. The certificate may change while it runs. */
export function createWebhook(options: WebhookOptions): WebhookServer {
  const { log, metrics } = options;
  const server = createServer(
    { ...tlsFloor, handshakeTimeout: handshakeMsMax, connectionsCheckingInterval: reviewMsMax / 5 },
    (request, response) => {
      request.on("error", () => response.destroy());
      void answer(request, response).catch((error: unknown) => {
        log.error("a review was not answered", { error });
        response.destroy();
      });
    },
  );
  server.headersTimeout = reviewMsMax;
  server.requestTimeout = reviewMsMax;
  server.keepAliveTimeout = idleMs;
  server.maxConnections = webhookConnectionsMax;
  limitPerAddress(server, webhookConnectionsPerAddressMax);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  followTls(server, options.tls, (error) => log.error("the certificate cannot be used; the last one stays", { error }));

  let heldBytes = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url?.split("?", 1)[0];
    if (path === "/readyz" && request.method === "GET") {
      return end(response, options.ready() ? 200 : 503, options.ready() ? "ready" : "namespaces are not known yet");
    }
    if (path !== injectPath) return end(response, 404, "not found");
    if (request.method !== "POST") return end(response, 405, "only POST");
    const body = await read(request, (bytes) => (heldBytes += bytes) <= reviewsBytesMax);
    if (body === "cut off") return void response.destroy();
    if (body === "too many") return end(response, 503, "too many reviews at once");
    const reviewed = body === "too large" ? reviewTooLarge(reviewBytesMax) : review(body, options);
    note(reviewed);
    if (body === "too large") response.setHeader("connection", "close");
    response.setHeader("content-type", "application/json");
    response.end(reviewed.body);
  };

  const note = ({ result, message }: Reviewed): void => {
    metrics.injections.inc({ result });
    if (message !== undefined) log.warn("a pod is not protected", { result, reason: message });
  };

  return {
    start: (address) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(address.port, address.host, () => {
          const { address: host, port } = server.address() as AddressInfo;
          resolve({ host, port, path: "" });
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        // Whoever does not end by itself must not hold the program.
        setTimeout(() => server.closeAllConnections(), reviewMsMax).unref();
      }),
  };
}

/** Reads a body within its bound and that of all bodies, of which `hold` keeps account. */
function read(
  request: IncomingMessage,
  hold: (bytes: number) => boolean,
): Promise<Uint8Array | "too large" | "too many" | "cut off"> {
  return new Promise((resolve) => {
    let parts: Buffer[] = [];
    let bytes = 0;
    const give = (answer: Uint8Array | "too large" | "too many" | "cut off"): void => {
      if (parts.length > 0) hold(-bytes);
      parts = [];
      bytes = Number.POSITIVE_INFINITY;
      resolve(answer);
    };
    request.on("data", (part: Buffer) => {
      // What follows a refusal is let run past, so that the answer can be read; it ends with the time for a request.
      if (bytes === Number.POSITIVE_INFINITY) return;
      bytes += part.length;
      parts.push(part);
      if (!hold(part.length)) give("too many");
      else if (bytes > reviewBytesMax) give("too large");
    });
    request.on("end", () => give(Buffer.concat(parts)));
    request.on("close", () => give("cut off"));
  });
}

function end(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${text}\n`);
}
