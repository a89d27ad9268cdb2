import assert from "node:assert/strict";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { createGrpcServer, type GrpcServer } from "../../platform/grpc.ts";
import { printAddress, type Address } from "../../platform/config.ts";
import { Secret } from "../../platform/secret.ts";
import { Authority, SwappableTls } from "./authority.ts";

const asIs = (bytes: Buffer): Buffer => bytes;

describe("a gRPC server with TLS", () => {
  let authority: Authority;
  let other: Authority;
  let tls: SwappableTls;
  let server: GrpcServer;
  let address: Address;
  let faults: unknown[];
  const clients: Client[] = [];

  before(async () => {
    [authority, other] = await Promise.all([Authority.create("ours"), Authority.create("theirs")]);
  });
  beforeEach(async () => {
    faults = [];
    tls = new SwappableTls(await authority.issue());
    server = createGrpcServer(
      {
        unary: [{ path: "/t.T/Echo", handle: (bytes) => bytes, onFault: () => Buffer.from("fault") }],
        exchange: [
          {
            path: "/t.T/Talk",
            open: (exchange) => ({ message: (bytes) => exchange.send(bytes), closed: () => undefined }),
            onFault: (error) => faults.push(error),
          },
        ],
      },
      { tls, connectionsMax: 4, onTlsFault: (error) => faults.push(error) },
    );
    address = await server.start({ host: "localhost", port: 0, path: "" });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await server.stop(100);
  });

  const client = (ca: string | undefined): Client => {
    const channel = ca === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(ca));
    const made = new Client(printAddress(address), channel, { "grpc.use_local_subchannel_pool": 1 });
    clients.push(made);
    return made;
  };
  const ask = (from: Client): Promise<string> =>
    new Promise((resolve) => {
      const deadline = new Date(Date.now() + 5_000);
      from.makeUnaryRequest(
        "/t.T/Echo",
        asIs,
        asIs,
        Buffer.from("hello"),
        { deadline },
        (error: ServiceError | null, answer?: Buffer) => resolve(error?.message ?? String(answer)),
      );
    });
  /** What becomes of a connection: the protocol agreed on, or how it ended. */
  const shake = async (options: ConnectionOptions): Promise<string> => {
    const socket: TLSSocket = connectTls({ host: address.host, port: address.port, ca: authority.pem, ...options });
    const ended = new Promise<string>((resolve) => {
      socket.once("close", () => resolve("closed"));
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    const agreed = once(socket, "secureConnect").then(async () => {
      // TLS 1.3 tells the client of a refusal only after its own part is done.
      await new Promise((resolve) => setTimeout(resolve, 50));
      return socket.destroyed ? await ended : `${String(socket.alpnProtocol)} ${socket.getProtocol()}`;
    });
    const outcome = await Promise.race([ended, agreed.catch(() => ended)]);
    socket.destroy();
    return outcome;
  };

  it("answers a client that trusts its authority", async () => {
    assert.equal(await ask(client(authority.pem)), "hello");
  });

  it("is not spoken to by a client of another authority", async () => {
    assert.match(await ask(client(other.pem)), /certificate|issuer/i);
  });

  it("is not spoken to when its certificate has expired, or names somebody else", async () => {
    tls.swap(await authority.issue({ notAfter: new Date(Date.now() - 60_000) }));
    assert.match(await ask(client(authority.pem)), /expired/);
    tls.swap(await authority.issue({ names: ["other.example"], addresses: [] }));
    assert.match(await ask(client(authority.pem)), /altnames|does not match/i);
  });

  it("speaks HTTP/2 only, TLS 1.2 and 1.3 only", async () => {
    assert.equal(await shake({ ALPNProtocols: ["h2"] }), "h2 TLSv1.3");
    assert.equal(await shake({ ALPNProtocols: ["h2"], maxVersion: "TLSv1.2" }), "h2 TLSv1.2");
    assert.equal(await shake({}), "closed");
    assert.match(await shake({ ALPNProtocols: ["http/1.1"] }), /NO_APPLICATION_PROTOCOL|closed/);
    const old = { ALPNProtocols: ["h2"], minVersion: "TLSv1.1", maxVersion: "TLSv1.1" } as const;
    assert.match(await shake({ ...old, ciphers: "DEFAULT@SECLEVEL=0" }), /PROTOCOL|ALERT|closed|ECONNRESET/);
  });

  it("closes a connection in the clear, and goes on", async () => {
    assert.notEqual(await ask(client(undefined)), "hello");
    const socket = connectPlain(address.port, address.host);
    socket.on("error", () => undefined);
    socket.end("GET / HTTP/1.1\r\n\r\n");
    socket.resume();
    await once(socket, "close");
    assert.equal(await ask(client(authority.pem)), "hello");
  });

  it("takes another certificate while it runs; open streams go on, new connections get the new one", async () => {
    const before = client(authority.pem);
    const stream = before.makeBidiStreamRequest("/t.T/Talk", asIs, asIs);
    stream.on("error", () => undefined);
    const talk = async (word: string): Promise<string> => {
      stream.write(Buffer.from(word));
      const [bytes] = (await once(stream, "data")) as [Buffer];
      return String(bytes);
    };
    assert.equal(await talk("one"), "one");
    tls.swap(await other.issue());
    assert.equal(await talk("two"), "two");
    assert.equal(await ask(client(other.pem)), "hello");
    assert.notEqual(await ask(client(authority.pem)), "hello");
    assert.equal(await ask(client(authority.pem + other.pem)), "hello", "a bundle of both trusts either");
    stream.cancel();
  });

  it("keeps the last good certificate when it is offered one that cannot be used", async () => {
    const good = tls.context();
    tls.swap({ certificate: good.certificate, key: (await authority.issue()).key });
    tls.swap({ certificate: "nothing", key: new Secret("nothing") });
    tls.swap({ certificate: "", key: new Secret("") });
    assert.equal(faults.length, 3);
    assert.equal(await ask(client(authority.pem)), "hello");
  });

  it("lets one address hold only so many of its connections, and goes on", async () => {
    await server.stop(100);
    server = createGrpcServer(
      { unary: [{ path: "/t.T/Echo", handle: (bytes) => bytes, onFault: () => Buffer.from("fault") }] },
      { tls, connectionsPerAddressMax: 2 },
    );
    address = await server.start({ host: "localhost", port: 0, path: "" });
    const first = client(authority.pem);
    assert.equal(await ask(first), "hello");
    const silent = connectPlain(address.port, address.host);
    await once(silent, "connect");
    for (let i = 0; i < 5; i++) {
      const more = connectPlain(address.port, address.host).on("error", () => undefined);
      await once(more.resume(), "close");
    }
    assert.notEqual(await ask(client(authority.pem)), "hello");
    assert.equal(await ask(first), "hello");
    silent.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await ask(client(authority.pem)), "hello");
  });

  it("holds only so many connections, those that never shake hands included", async () => {
    const sockets = Array.from({ length: 4 }, () => connectPlain(address.port, address.host));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    assert.notEqual(await ask(client(authority.pem)), "hello");
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await ask(client(authority.pem)), "hello");
  });
});
