import assert from "node:assert/strict";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { printAddress } from "../../platform/config.ts";
import { createGrpcServer, grpcMessageBytesMax, type GrpcServer } from "../../platform/grpc.ts";

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
          handle: (request) => {
            if (request.length === 0) throw new Error("nothing to echo");
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
