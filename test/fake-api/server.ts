import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemTimers } from "../../operator/kube/timers.ts";
import { Authority } from "../platform/authority.ts";
import { parseAddress } from "./address.ts";
import type { Fault, SeenRequest } from "./faults.ts";
import type { Json } from "./json.ts";
import { statusAnswer, type ApiAnswer } from "./status.ts";
import { FakeStore } from "./store.ts";
import { WatchFeed, type WatchCall } from "./watch-feed.ts";

/** Which requests meet a fault. */
export interface FaultMatch {
  /** GET, POST, PUT, PATCH, DELETE or WATCH. */
  readonly verb?: string;
  /** Part of the path. */
  readonly path?: string;
  /** Part of the query, as `name=value`. */
  readonly query?: string;
  /** How often; without a bound when absent. */
  readonly times?: number;
  /** Tells for each request whether it is met, for random faults. */
  readonly when?: () => boolean;
}

/** A fault that waits for requests. */
export interface PlannedFault {
  readonly match: FaultMatch;
  readonly fault: Fault;
  /** How many more requests meet it; zero takes it back. */
  left: number;
  /** How many have met it. */
  met: number;
}

interface TlsTexts {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** An API server in this process: HTTPS, tokens, lists, watches, writes, and everything that can go wrong with them. */
export class FakeApi {
  readonly store = new FakeStore();
  /** Every request, refused ones too, in the order of arrival. */
  readonly requests: SeenRequest[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "picket-fake-api-"));
  readonly #faults: PlannedFault[] = [];
  readonly #feeds = new Set<WatchFeed>();
  /** Connections below TLS, by the port of the client. */
  readonly #sockets = new Map<number, Socket>();
  readonly #tls: TlsTexts;
  #server: Server | undefined;
  #port = 0;
  #token = "token-1";
  #serial = 1;

  private constructor(tls: TlsTexts) {
    this.#tls = tls;
  }

  static async start(): Promise<FakeApi> {
    const authority = await Authority.create("fake-api");
    const { certificate, key } = await authority.issue();
    const api = new FakeApi({ cert: certificate, key: key.reveal(), ca: authority.pem });
    await api.listen();
    return api;
  }

  /** Path of a kubeconfig for this server. */
  get kubeconfig(): string {
    return join(this.#folder, "config");
  }

  /** Watches that are open. */
  get watches(): readonly WatchFeed[] {
    return [...this.#feeds];
  }

  /** Listens again, on the same port. */
  async listen(): Promise<void> {
    const server = createServer(this.#tls, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    server.keepAliveTimeout = 0;
    server.on("connection", (socket: Socket) => {
      const port = socket.remotePort ?? 0;
      this.#sockets.set(port, socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(port));
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    this.#writeKubeconfig();
  }

  /** Ends everything at once, as a crash does. `listen` brings it back, with all objects. */
  async crash(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets.values()) socket.destroy();
    await closed;
  }

  async stop(): Promise<void> {
    await this.crash();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The next requests that match meet this fault; planned later, met first. */
  plan(match: FaultMatch, fault: Fault): PlannedFault {
    const planned = { match, fault, left: match.times ?? Number.POSITIVE_INFINITY, met: 0 };
    this.#faults.unshift(planned);
    return planned;
  }

  /** Takes every planned fault back. */
  mend(): void {
    this.#faults.length = 0;
  }

  /** Another token is the right one from now on. `isTold`: the kubeconfig has it. */
  rotateToken(isTold: boolean): void {
    this.#token = `token-${++this.#serial}`;
    if (isTold) this.#writeKubeconfig();
  }

  #writeKubeconfig(): void {
    const cluster = {
      server: `https://127.0.0.1:${this.#port}`,
      "certificate-authority-data": Buffer.from(this.#tls.ca).toString("base64"),
    };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "fake", cluster }],
      users: [{ name: "picket", user: { token: this.#token } }],
      contexts: [{ name: "fake", context: { cluster: "fake", user: "picket" } }],
      "current-context": "fake",
    };
    writeFileSync(this.kubeconfig, JSON.stringify(config), { mode: 0o600 });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://fake");
    const query = Object.fromEntries(url.searchParams);
    const isWatch = query.watch === "true" || query.watch === "1";
    const seen = {
      verb: isWatch ? "WATCH" : (request.method ?? ""),
      path: url.pathname,
      query,
      atMs: performance.now(),
    };
    this.requests.push(seen);
    const cutOff = (): void => void this.#sockets.get(request.socket.remotePort ?? 0)?.resetAndDestroy();
    const body = await readBody(request);
    for (const planned of this.#faults) {
      if (!isMet(planned, seen)) continue;
      planned.left--;
      planned.met++;
      if ((await planned.fault(response, cutOff)) === "answered") return;
    }
    if (request.headers.authorization !== `Bearer ${this.#token}`) {
      answer(response, statusAnswer(401, "Unauthorized", "Unauthorized"));
      return;
    }
    const address = parseAddress(url.pathname);
    if (isWatch && address !== undefined) {
      this.#watch(response, { path: url.pathname, address, query }, cutOff);
      return;
    }
    const contentType = request.headers["content-type"] ?? "application/json";
    answer(response, this.store.call({ method: request.method ?? "", path: url.pathname, query, body, contentType }));
  }

  #watch(response: ServerResponse, call: WatchCall, reset: () => void): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const sink = { write: (bytes: string | Buffer) => response.write(bytes), end: () => response.end(), reset };
    const feed = new WatchFeed(this.store, call, sink, systemTimers);
    this.#feeds.add(feed);
    response.on("close", () => {
      feed.stall();
      this.#feeds.delete(feed);
    });
    feed.start();
  }
}

function isMet({ match, left }: PlannedFault, { verb, path, query }: SeenRequest): boolean {
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${value}`);
  return (
    left > 0 &&
    (match.verb === undefined || match.verb === verb) &&
    (match.path === undefined || path.includes(match.path)) &&
    (match.query === undefined || pairs.some((pair) => pair.startsWith(match.query ?? ""))) &&
    (match.when?.() ?? true)
  );
}

async function readBody(request: IncomingMessage): Promise<Json | undefined> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  const text = Buffer.concat(parts).toString("utf8");
  return text === "" ? undefined : (JSON.parse(text) as Json);
}

function answer(response: ServerResponse, { status, body, headers = {} }: ApiAnswer): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
