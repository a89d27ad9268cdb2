/**
 * The application that pods of tests run: a small bank that knows nothing of Picket, and says in its answers and in
 * its output what reached it. It imports nothing but Node, since it is copied into the image alone.
 *
 * PORTS=8080,9090 ports to listen on · H2C=1 speak HTTP/2 without TLS · DRAIN_MS=1000 how long it goes on after SIGTERM
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { hostname } from "node:os";

const ports = (process.env.PORTS ?? "8080").split(",").map(Number);
const drainMs = Number(process.env.DRAIN_MS ?? "1000");
/** Longest wait that a caller may ask for with `?delayMs=`. */
const delayMsMax = 30_000;
let draining = false;

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

function handle(request: Request, response: Response): void {
  const url = new URL(request.url ?? "/", "http://application");
  if (url.pathname === "/healthz") return send(response, draining ? 503 : 200, { draining });
  // One line per call, so that `kubectl logs` proves what arrived and what did not.
  process.stdout.write(`${JSON.stringify({ method: request.method, path: request.url })}\n`);
  const delayMs = Math.min(Number(url.searchParams.get("delayMs") ?? 0) || 0, delayMsMax);
  setTimeout(() => {
    const account = /^\/v1\/accounts\/([^/]+)$/.exec(url.pathname)?.[1];
    if (account !== undefined) return send(response, 200, { account, balance: "100.00", currency: "EUR" });
    send(response, 200, {
      method: request.method,
      path: request.url,
      headers: request.headers,
      from: request.socket.remoteAddress,
      pod: hostname(),
    });
  }, delayMs);
  request.resume();
}

function send(response: Response, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "x-pod": hostname(),
  };
  if ("stream" in response) response.writeHead(status, headers).end(text);
  else response.writeHead(status, headers).end(text);
}

const servers = ports.map((port) => {
  // Longer than a connection of the proxy lies idle in a test: closing first would look like a refusal.
  const server =
    process.env.H2C === "1" ? createHttp2Server(handle) : createServer({ keepAliveTimeout: 120_000 }, handle);
  return server.listen(port, () => process.stdout.write(`${JSON.stringify({ listening: port })}\n`));
});

// The first process of a container gets no signal that it does not ask for.
process.on("SIGTERM", () => {
  draining = true;
  setTimeout(() => {
    for (const server of servers) server.close();
    // Connections that are kept alive would hold it open.
    setTimeout(() => process.exit(0), 100).unref();
  }, drainMs);
});
