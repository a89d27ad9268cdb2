import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { printAddress, type Address } from "../../platform/config.ts";
import {
  createGrpcServer,
  grpcMessageBytesMax,
  type Exchange,
  type ExchangeHandler,
  type GrpcServer,
} from "../../platform/grpc.ts";

const bytes = (text: string): Buffer => Buffer.from(text);
const same = (value: Buffer): Buffer => value;

describe("the gRPC wrapper", () => {
  const faults: unknown[] = [];
  let server: GrpcServer;
  let client: Client;

  before(async () => {
    server = createGrpcServer({
      unary: [
        {
          path: "/t.T/Echo",
          handle: (bytesOfRequest) => {
            const request = Buffer.from(bytesOfRequest);
            if (request.length === 0) throw new Error("nothing to echo");
            if (request.toString() === "later") return Promise.resolve(Buffer.from("late"));
            if (request.toString() === "reject") return Promise.reject(new Error("rejected"));
            return request;
          },
          onFault: (error) => {
            faults.push(error);
            return bytes("fallback");
          },
        },
      ],
      intake: [
        {
          path: "/t.T/Take",
          open: () => (message) => {
            if (message.length > 3) throw new Error("too long for me");
          },
          onFault: (error) => faults.push(error),
        },
      ],
      exchange: [
        {
          path: "/t.T/Talk",
          open: (exchange) => ({
            message: (message) => {
              if (message.length === 0) throw new Error("silence");
              exchange.send(message);
            },
            closed: () => faults.push("closed"),
          }),
          onFault: (error) => faults.push(error),
        },
      ],
    });
    const address = await server.start({ host: "127.0.0.1", port: 0, path: "" });
    assert.notEqual(address.port, 0);
    client = new Client(printAddress(address), credentials.createInsecure());
  });

  after(async () => {
    client.close();
    await server.stop(100);
  });

  beforeEach(() => {
    faults.length = 0;
  });

  function echo(request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest("/t.T/Echo", same, same, request, (error: ServiceError | null, value?: Buffer) => {
        if (error) reject(error);
        else resolve(value!);
      });
    });
  }

  it("passes bytes through", async () => {
    assert.equal((await echo(bytes("hello"))).toString(), "hello");
  });

  it("answers a handler that throws with the fallback, and goes on", async () => {
    assert.equal((await echo(bytes(""))).toString(), "fallback");
    assert.equal(faults.length, 1);
    assert.equal((await echo(bytes("still here"))).toString(), "still here");
  });

  it("answers a promise that is rejected with the fallback, and goes on", async () => {
    assert.equal((await echo(bytes("later"))).toString(), "late");
    assert.equal((await echo(bytes("reject"))).toString(), "fallback");
    assert.equal(faults.length, 1);
  });

  it("refuses messages over its bound and goes on", async () => {
    await assert.rejects(echo(Buffer.alloc(grpcMessageBytesMax + 1)));
    assert.equal((await echo(bytes("ok"))).toString(), "ok");
  });

  it("survives a fault in the middle of an intake", async () => {
    const done = new Promise<void>((resolve, reject) => {
      const stream = client.makeClientStreamRequest("/t.T/Take", same, same, (error: ServiceError | null) => {
        if (error) reject(error);
        else resolve();
      });
      for (const text of ["a", "long one", "b"]) stream.write(bytes(text));
      stream.end();
    });
    await done;
    assert.equal(faults.length, 1);
  });

  it("survives a fault in an exchange and tells its end exactly once", async () => {
    const heard: string[] = [];
    await new Promise<void>((resolve) => {
      const stream = client.makeBidiStreamRequest("/t.T/Talk", same, same);
      stream.on("data", (value: Buffer) => {
        heard.push(value.toString());
        if (heard.length === 2) stream.end();
      });
      stream.on("end", resolve);
      stream.on("error", () => resolve());
      for (const text of ["one", "", "two"]) stream.write(bytes(text));
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(heard, ["one", "two"]);
    assert.deepEqual(faults.filter((fault) => fault === "closed").length, 1);
    assert.equal(faults.length, 2);
  });
});

describe("a gRPC server at its bounds", () => {
  let server: GrpcServer;
  let address: Address;
  const open = new Set<string>();

  before(async () => {
    const talk = {
      path: "/t.T/Talk",
      open: (exchange: Exchange): ExchangeHandler => ({
        message: (message) => {
          open.add(message.toString());
          exchange.send(message);
        },
        closed: () => undefined,
      }),
      onFault: () => undefined,
    };
    server = createGrpcServer({ exchange: [talk] }, { connectionsMax: 3, callsPerConnectionMax: 4 });
    address = await server.start({ host: "127.0.0.1", port: 0, path: "" });
  });
  after(() => server.stop(100));

  it("closes connections beyond its bound at once and takes them again when there is room", async () => {
    const held: Socket[] = [];
    const join = async (): Promise<Socket> => {
      const socket = connect(address.port, address.host);
      socket.on("error", () => undefined);
      await once(socket, "connect");
      return socket;
    };
    // The first bytes of a server are its settings (RFC 9113 section 3.4).
    const isTaken = async (socket: Socket): Promise<boolean> =>
      Promise.race([once(socket, "data").then(() => true), once(socket, "close").then(() => false)]);
    for (let i = 0; i < 3; i++) {
      const socket = await join();
      assert.ok(await isTaken(socket));
      held.push(socket);
    }
    assert.equal(await isTaken(await join()), false);
    for (const socket of held) socket.destroy();
    for (let tries = 0; ; tries++) {
      const socket = await join();
      const taken = await isTaken(socket);
      socket.destroy();
      if (taken) break;
      assert.ok(tries < 100, "no connection is taken again");
    }
  });

  it("closes connections that come too fast, of one address or of all, and takes them again later", async () => {
    let nowMs = 0;
    let refused = 0;
    const hasty = createGrpcServer(
      {},
      {
        openings: {
          all: { perSecond: 1, burst: 3 },
          perAddress: { perSecond: 1, burst: 2 },
          clock: { monotonic: () => nowMs },
          onRefused: () => refused++,
        },
      },
    );
    const { port } = await hasty.start({ host: "127.0.0.1", port: 0, path: "" });
    const isTaken = async (localAddress: string): Promise<boolean> => {
      const socket = connect({ port, host: "127.0.0.1", localAddress });
      socket.on("error", () => undefined);
      const taken = await Promise.race([
        once(socket, "data").then(() => true),
        once(socket, "close").then(() => false),
      ]);
      socket.destroy();
      return taken;
    };
    const taken = [];
    for (const address of ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3"])
      taken.push(await isTaken(address));
    assert.deepEqual(taken, [true, true, false, true, false]);
    nowMs = 1_000;
    assert.equal(await isTaken("127.0.0.1"), true);
    assert.equal(refused, 2);
    await hasty.stop(100);
  });

  it("lets a connection hold so many calls; the next one waits until another ends", async () => {
    const client = new Client(printAddress(address), credentials.createInsecure());
    const streams = Array.from({ length: 5 }, (_, i) => {
      const stream = client.makeBidiStreamRequest("/t.T/Talk", same, same);
      stream.on("error", () => undefined);
      stream.write(bytes(`call ${i}`));
      return { stream, answered: once(stream, "data") };
    });
    await Promise.all(streams.slice(0, 4).map(({ answered }) => answered));
    // Whatever is sent later on the same connection is answered later: the fifth had its time.
    const again = once(streams[0]!.stream, "data");
    streams[0]!.stream.write(bytes("again"));
    await again;
    assert.ok(!open.has("call 4"));
    streams[0]!.stream.end();
    await streams[4]!.answered;
    client.close();
    for (const { stream } of streams) stream.cancel();
  });
});
