import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Authority } from "../../platform/authority.ts";

/** The public half of a key pair that is thrown away, as a key set. */
export function keySetOf(...kids: readonly string[]): string {
  const keys = kids.map((kid) => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return { ...publicKey.export({ format: "jwk" }), kid, alg: "ES256", use: "sig" };
  });
  return JSON.stringify({ keys });
}

/** A real issuer on loopback that answers as a test wants. */
export class IssuerServer {
  answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  asked = 0;
  readonly #server: Server;
  readonly #authority: Authority;

  private constructor(server: Server, authority: Authority) {
    this.#server = server;
    this.#authority = authority;
  }

  static async start(options: Parameters<Authority["issue"]>[0] = {}): Promise<IssuerServer> {
    const authority = await Authority.create("issuers");
    const { certificate, key } = await authority.issue(options);
    const server = createServer({ cert: certificate, key: key.reveal() });
    const issuer = new IssuerServer(server, authority);
    server.on("request", (request, response) => {
      issuer.asked++;
      issuer.answer(request, response);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return issuer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get authority(): string {
    return this.#authority.pem;
  }

  uri(host = "localhost"): string {
    return `https://${host}:${this.port}/jwks.json`;
  }

  serve(text: string, status = 200): void {
    this.answer = (_request, response) => {
      response.writeHead(status, { "content-type": "application/jwk-set+json" });
      response.end(text);
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
