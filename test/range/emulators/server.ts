import net from "node:net";
import { readAs, type Emulator, type Reading } from "./emulator.ts";
import { nameAs, takeRequest, valueOf, type RawRequest } from "./wire.ts";

/** Names the request in the emulator's log: `<actor>/<vector>/<row>`. A request without it counts as nobody's. */
export const caseHeader = "x-range-case";

/** Stands in every answer of a handler that not everybody may reach. */
export const protectedMarker = "range-protected-content";

/** One request that reached an application. */
export interface Received {
  readonly emulator: Emulator;
  readonly request: RawRequest;
  readonly reading: Reading;
  /** Value of the case header; empty when the request carries none. */
  readonly caseId: string;
  readonly decisionId: string | undefined;
}

/** An application of the range: no access control at all, and a log of all that it was asked. */
export interface Application {
  readonly port: number;
  readonly received: Received[];
  stop(): Promise<void>;
}

/** Starts the emulator on a free loopback port. */
export async function startEmulator(emulator: Emulator): Promise<Application> {
  const received: Received[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    let pending: Buffer = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      for (;;) {
        const taken = takeRequest(pending, emulator);
        if (taken.kind === "wait") return;
        if (taken.kind === "broken") {
          socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
          return;
        }
        pending = taken.rest;
        const seen = record(emulator, taken.request);
        received.push(seen);
        socket.write(answer(seen));
        if (pending.length === 0) return;
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("an emulator listens on TCP");
  return {
    port: address.port,
    received,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function record(emulator: Emulator, request: RawRequest): Received {
  const exact = { foldsNames: false, duplicate: "first" } as const;
  return {
    emulator,
    request,
    reading: readAs(emulator, request),
    caseId: request.headers.find(([name]) => nameAs(name, exact) === caseHeader)?.[1] ?? "",
    decisionId: valueOf(request.headers, "x-picket-decision", exact),
  };
}

/** Where two open paths send the caller, to see who follows. */
const redirect = /^\/public\/redirect-(30[0-9])$/;

function answer(seen: Received): string {
  const moved = redirect.exec(seen.reading.path)?.[1];
  if (moved !== undefined) return `HTTP/1.1 ${moved} Moved\r\nlocation: /admin/secret\r\ncontent-length: 0\r\n\r\n`;
  const { kind } = seen.reading.operation;
  const body = kind === "public" || kind === "login" ? "open\n" : `${protectedMarker} ${kind}\n`;
  const shown = seen.request.method === "HEAD" ? "" : body;
  return `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n\r\n${shown}`;
}
