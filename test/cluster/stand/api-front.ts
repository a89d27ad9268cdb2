import { writeFileSync } from "node:fs";
import { request as httpsRequest, Agent, createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Authority } from "../../platform/authority.ts";
import type { Cluster } from "../cluster.ts";

/** A request of the operator on its way to the API server. */
export interface FrontCall {
  /** The HTTP method, or WATCH. */
  readonly verb: string;
  readonly path: string;
}

/** What becomes of a request. `lost`: the API server does what it says, and nobody hears of it. */
export type FrontFault =
  | { readonly kind: "pass" }
  | { readonly kind: "answer"; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: "reset" }
  | { readonly kind: "late"; readonly ms: number }
  | { readonly kind: "lost"; readonly after: () => void };

const pass: FrontFault = { kind: "pass" };

/** Stands between an operator and a real API server, so that a test can spoil what goes to and fro. */
export class ApiFront {
  /** Every request, in the order of arrival. */
  readonly calls: FrontCall[] = [];
  /** Asked about every request. */
  fault: (call: FrontCall) => FrontFault = () => pass;
  readonly #cluster: Cluster;
  readonly #agent: Agent;
  readonly #tls: { readonly cert: string; readonly key: string; readonly ca: string };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  private constructor(cluster: Cluster, tls: { readonly cert: string; readonly key: string; readonly ca: string }) {
    this.#cluster = cluster;
    this.#tls = tls;
    this.#agent = new Agent({ keepAlive: true, ca: cluster.caPem });
  }

  static async start(cluster: Cluster): Promise<ApiFront> {
    const authority = await Authority.create("api-front");
    const { certificate, key } = await authority.issue();
    const front = new ApiFront(cluster, { cert: certificate, key: key.reveal(), ca: authority.pem });
    await front.up();
    return front;
  }

  /** Writes a kubeconfig that speaks through here for the bearer of a token. */
  writeKubeconfig(path: string, token: string): void {
    const cluster = {
      server: `https://127.0.0.1:${this.#port}`,
      "certificate-authority-data": Buffer.from(this.#tls.ca).toString("base64"),
    };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "front", cluster }],
      users: [{ name: "operator", user: { token } }],
      contexts: [{ name: "front", context: { cluster: "front", user: "operator" } }],
      "current-context": "front",
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  }

  /** Listens again, on the same port. */
  async up(): Promise<void> {
    const server = createServer(this.#tls, (request, response) => this.#serve(request, response));
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Ends every connection and takes none, as when the API server is away. */
  async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async stop(): Promise<void> {
    await this.down();
    this.#agent.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "https://front");
    const isWatch = url.searchParams.get("watch") === "true" || url.searchParams.get("watch") === "1";
    const call = { verb: isWatch ? "WATCH" : (request.method ?? ""), path: url.pathname };
    this.calls.push(call);
    const fault = this.fault(call);
    switch (fault.kind) {
      case "pass":
        return this.#forward(request, response);
      case "late":
        return void setTimeout(() => this.#forward(request, response), fault.ms);
      case "reset":
        return void request.socket.destroy();
      case "answer": {
        const status = { kind: "Status", apiVersion: "v1", status: "Failure", code: fault.status, message: "a fault" };
        if (fault.retryAfterSeconds !== undefined) response.setHeader("retry-after", fault.retryAfterSeconds);
        response.writeHead(fault.status, { "content-type": "application/json" });
        return void response.end(JSON.stringify(status));
      }
      case "lost":
        return this.#forward(request, response, fault.after);
    }
  }

  #forward(request: IncomingMessage, response: ServerResponse, lost?: () => void): void {
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const onward = httpsRequest(
      new URL(request.url ?? "/", this.#cluster.apiUrl),
      { method: request.method, headers, agent: this.#agent },
      (answer) => {
        if (lost !== undefined) {
          answer.resume();
          return void answer.on("end", () => {
            lost();
            request.socket.destroy();
          });
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on("error", () => response.destroy());
      },
    );
    onward.on("error", () => request.socket.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }
}
