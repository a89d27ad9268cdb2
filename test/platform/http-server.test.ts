import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { createPageServer, endWith, pageConnectionsMax, type PageServer } from "../../platform/http-server.ts";

describe("a server of pages", () => {
  let server: PageServer;
  let port: number;
  const sockets: Socket[] = [];

  before(async () => {
    server = createPageServer(
      async (_request, response) => endWith(response, 200, "here"),
      (response) => endWith(response, 500, "broken"),
    );
    ({ port } = await server.start({ host: "127.0.0.1", port: 0, path: "" }));
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  });

  const ask = async (socket: Socket, host = "localhost"): Promise<string> => {
    const answer = once(socket, "data");
    socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    return String((await answer)[0]);
  };
  const open = async (): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    return socket;
  };

  it("answers nobody on loopback who came by a strange name, as a web page does that had its own name resolved here", async () => {
    const socket = await open();
    for (const host of ["localhost", `LocalHost:${port}`, `127.0.0.1:${port}`, "[::1]:80", "::1"]) {
      assert.match(await ask(socket, host), /^HTTP\/1\.1 200 /, host);
    }
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "",
    ]) {
      assert.match(await ask(socket, host), /^HTTP\/1\.1 421 /, host);
    }
    socket.destroy();
    await once(socket, "close");
    sockets.length = 0;
  });

  it("holds so many connections, closes those beyond, and takes new ones when some are gone", async () => {
    for (let i = 0; i < pageConnectionsMax; i++) assert.match(await ask(await open()), /^HTTP\/1\.1 200 /);
    const beyond = await open();
    await once(beyond, "close");
    assert.match(await ask(sockets[0]!), /here/, "whoever is connected stays connected");
    const [first] = sockets;
    first!.destroy();
    await once(first!, "close");
    // The server hears of it a moment later.
    for (let tries = 0; ; tries++) {
      const again = await open();
      const answer = await Promise.race([ask(again), once(again, "close").then(() => "")]);
      if (answer.startsWith("HTTP/1.1 200 ")) break;
      assert.ok(tries < 100, "no connection is taken again");
    }
  });
});

describe("a connection to a server of pages", function () {
  this.timeout(10_000);
  let server: PageServer;
  let socket: Socket;
  let answering: Promise<ServerResponse>;
  let answers: number;

  beforeEach(async () => {
    answers = 0;
    const { promise, resolve } = Promise.withResolvers<ServerResponse>();
    answering = promise;
    server = createPageServer(
      async (_request, response) => {
        answers++;
        resolve(response);
        // More than the kernel takes from a server whose client does not read.
        response.end(Buffer.alloc(64 << 20));
      },
      (response) => endWith(response, 500, "broken"),
      { idleMsMax: 100 },
    );
    const { port } = await server.start({ host: "127.0.0.1", port: 0, path: "" });
    socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
  });
  afterEach(async () => {
    socket.destroy();
    await server.stop();
  });

  it("is closed when it says nothing", async () => {
    socket.resume();
    await once(socket, "close");
    assert.equal(answers, 0);
  });

  it("is closed when its request drips in without an end, however lively that is", async () => {
    socket.write("GET / HTTP/1.1\r\nhost: localhost\r\nx: ");
    const drip = setInterval(() => socket.write("x"), 20);
    try {
      socket.resume();
      await once(socket, "close");
    } finally {
      clearInterval(drip);
    }
    assert.equal(answers, 0);
  });

  it("is closed when nobody reads its answer", async () => {
    socket.pause();
    socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const response = await answering;
    await once(response, "close");
    assert.equal(response.writableFinished, false);
  });
});
